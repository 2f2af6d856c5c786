using System.Globalization;
using TorchKv.Runtime.Contracts;
using static TorchSharp.torch;

namespace TorchKv.Loading;

/// <summary>Devices by the names that PyTorch gives them.</summary>
public static class Devices
{
    /// <summary>The device of a name, if it is there.</summary>
    /// <param name="name"><c>cpu</c>, <c>cuda</c>, <c>cuda:N</c>, <c>meta</c>, or <c>auto</c>: CUDA where there is one, else the CPU.</param>
    /// <exception cref="DeviceNotAvailableException">There is no such device; the message says what is missing.</exception>
    /// <exception cref="TorchKvException">The name is not one of these.</exception>
    public static Device parse(string name)
    {
        switch (name)
        {
            case "auto":
                return cuda.is_available() ? new Device("cuda:0") : CPU;
            case "cpu":
                return CPU;
            case "meta":
                return META;
        }

        var index = 0;
        if (name != "cuda"
            && !(name.StartsWith("cuda:", StringComparison.Ordinal)
                && int.TryParse(name.AsSpan(5), NumberStyles.None, CultureInfo.InvariantCulture, out index)))
        {
            throw new TorchKvException($"'{name}' is not a device; there are cpu, cuda, cuda:N, meta and auto.");
        }

        if (!cuda.is_available())
        {
            throw new DeviceNotAvailableException(
                $"{name} was asked for, but this libtorch sees no CUDA device. It takes an NVIDIA GPU with its driver (nvidia-smi lists it) "
                + "and a libtorch built with CUDA: the package TorchSharp-cuda-linux (build with -p:TorchCuda=true).");
        }

        return index < cuda.device_count()
            ? new Device($"cuda:{index}")
            : throw new DeviceNotAvailableException($"{name} was asked for, but there are {cuda.device_count()} CUDA devices, numbered from 0.");
    }
}
