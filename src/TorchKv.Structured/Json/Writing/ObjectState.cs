namespace TorchKv.Structured.Json.Writing;

/// <summary>What counts of the properties that an object has so far.</summary>
/// <param name="Count">How many there are, up to the number from which it no longer matters.</param>
/// <param name="Present">A bit for each presence rule that has been met.</param>
internal readonly record struct ObjectState(int Count, int Present);
