using TorchKv.Runtime.Contracts;

namespace TorchKv.Loading;

/// <summary>Thrown where a device is asked for that is not there; the message says what is missing.</summary>
public sealed class DeviceNotAvailableException(string message) : TorchKvException(message);
