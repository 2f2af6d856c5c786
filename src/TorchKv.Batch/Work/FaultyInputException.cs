namespace TorchKv.Batch.Work;

/// <summary>Ends the import of a file with wrong lines, so that none of it is kept.</summary>
internal sealed class FaultyInputException : Exception;
