namespace TorchSharp;

/// <summary>
/// libtorch, or the native library between it and this assembly, is not there; the message says what to install.
/// Code that also runs on the TorchSharp package catches the base class, which is what the package throws.
/// </summary>
public sealed class LibtorchNotFoundException : NotSupportedException
{
    internal LibtorchNotFoundException(string message) : base(message)
    {
    }
}
