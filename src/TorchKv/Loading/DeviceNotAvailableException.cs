using TorchKv.Runtime.Contracts;

namespace TorchKv.Loading;

/// <summary>The device that was asked for does not exist here; the message says what is missing.</summary>
public sealed class DeviceNotAvailableException(string message) : TorchKvException(message);
