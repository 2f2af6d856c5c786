namespace TorchKv.Server.Answers;

/// <summary>A client left what was sent to it unread for too long.</summary>
internal sealed class SlowReaderException() : Exception("The client does not read what is sent to it.");
