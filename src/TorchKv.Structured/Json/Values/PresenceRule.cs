using TorchKv.Structured.Automata;

namespace TorchKv.Structured.Json.Values;

/// <summary>An object has at least one property of a kind.</summary>
/// <param name="Names">The property's name is one of these: JSON text without the quotes.</param>
/// <param name="Value">Its value.</param>
internal sealed record PresenceRule(RegexNode Names, Formula Value);
