namespace TorchKv.Structured.Json.Values;

/// <summary>How many items of an array match a formula.</summary>
/// <param name="Item">The formula.</param>
/// <param name="From">The index of the first item that counts.</param>
/// <param name="Min">The least number of them.</param>
/// <param name="Max">The largest number of them, or <see cref="int.MaxValue"/>.</param>
internal sealed record ContainsRule(Formula Item, int From, int Min, int Max);
