namespace TorchKv.Runtime.Contracts;

/// <summary>Thrown when a request cannot be served as it is asked; nothing was queued.</summary>
public sealed class RequestException : TorchKvException
{
    /// <summary>A refusal with its reason.</summary>
    public RequestException(string message)
        : base(message)
    {
    }
}
