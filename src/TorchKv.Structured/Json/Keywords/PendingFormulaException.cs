namespace TorchKv.Structured.Json.Keywords;

/// <summary>
/// A question about a formula came up while the formula was being worked out. The question stays open. Never leaves the
/// compiler.
/// </summary>
internal sealed class PendingFormulaException : Exception;
