using TorchSharp.Interop;

namespace TorchSharp;

public enum DeviceType
{
    CPU = 0,
    CUDA = 1,
    MKLDNN = 2,
    OPENGL = 3,
    OPENCL = 4,
    IDEEP = 5,
    HIP = 6,
    FPGA = 7,
    MSNPU = 8,
    XLA = 9,
    MPS = 13,
    META = 14,
}

public static partial class torch
{
    private static Device? s_cuda;

    /// <summary>A device type and, where it says more than "the current one", an index.</summary>
    public class Device
    {
        public Device(string description)
        {
            ArgumentNullException.ThrowIfNull(description);
            var parts = description.Split(':');
            type = Enum.Parse<DeviceType>(parts[0].ToUpperInvariant());
            index = parts.Length == 2 ? int.Parse(parts[1], System.Globalization.CultureInfo.InvariantCulture) : -1;
            if (parts.Length > 2)
            {
                throw new ArgumentException($"'{description}' is not a device; one looks like 'cpu' or 'cuda:0'.", nameof(description));
            }
        }

        public Device(string deviceType, int index = -1)
        {
            type = Enum.Parse<DeviceType>(deviceType.ToUpperInvariant());
            this.index = index;
        }

        public Device(DeviceType deviceType, int index = -1)
        {
            type = deviceType;
            this.index = index;
        }

        public Device(int index) : this(DeviceType.CUDA, index)
        {
        }

        public DeviceType type { get; }

        public int index { get; }

        internal long Packed => Pack(type, index);

        internal static long Pack(DeviceType type, int index) => (byte)type | ((long)index << 8);

        internal static DeviceType TypeOf(long packed) => (DeviceType)(packed & 0xff);

        internal static int IndexOf(long packed) => (int)(packed >> 8);

        public override string ToString() =>
            type == DeviceType.CPU || index == -1 ? type.ToString().ToLowerInvariant() : $"{type.ToString().ToLowerInvariant()}:{index}";

        public static implicit operator Device(string description) => new(description);
    }

    public static readonly Device CPU = new(DeviceType.CPU);

    public static readonly Device META = new(DeviceType.META);

    public static Device CUDA => s_cuda ??= InitializeDevice(new Device(DeviceType.CUDA));

    public static Device device(string description) => InitializeDevice(new Device(description));

    public static Device device(string deviceType, int index = -1) => InitializeDevice(new Device(deviceType, index));

    public static Device device(DeviceType deviceType, int index = -1) => InitializeDevice(new Device(deviceType, index));

    public static Device device(int index) => new(DeviceType.CUDA, index);

    public static bool TryInitializeDeviceType(DeviceType deviceType)
    {
        Native.Require();
        return deviceType switch
        {
            DeviceType.CPU => true,
            DeviceType.META => PrepareMeta(),
            DeviceType.CUDA => cuda.is_available(),
            _ => false,
        };
    }

    /// <summary>Checks that libtorch can use a device.</summary>
    /// <exception cref="InvalidOperationException">It cannot.</exception>
    public static void InitializeDeviceType(DeviceType deviceType)
    {
        if (!TryInitializeDeviceType(deviceType))
        {
            throw new InvalidOperationException(deviceType == DeviceType.CUDA
                ? "CUDA is not available: this libtorch has no CUDA, or no device or driver was found."
                : $"Torch device type {deviceType} did not initialise on the current machine.");
        }
    }

    // libtorch alone has no meta kernels for a good part of its operators.
    private static unsafe bool PrepareMeta()
    {
        Check(Native.PrepareMeta());
        return true;
    }

    private static Device InitializeDevice(Device device)
    {
        // The CPU is always there: no need to load libtorch to name it.
        if (device.type != DeviceType.CPU)
        {
            InitializeDeviceType(device.type);
        }
        return device;
    }

    public static unsafe class cuda
    {
        public static bool is_available()
        {
            Native.Require();
            return Native.CudaIsAvailable() != 0;
        }

        public static bool is_cudnn_available()
        {
            Native.Require();
            return Native.CudaCudnnIsAvailable() != 0;
        }

        public static int device_count()
        {
            Native.Require();
            return Native.CudaDeviceCount();
        }

        /// <summary>Waits for all work queued on a device, the current one by default.</summary>
        public static void synchronize(Device? device = null)
        {
            InitializeDeviceType(DeviceType.CUDA);
            if (Native.CudaSynchronize(device?.index ?? -1) < 0)
            {
                Native.Throw();
            }
        }

        public static void manual_seed(long seed) => Seed(seed, all: false);

        public static void manual_seed_all(long seed) => Seed(seed, all: true);

        private static void Seed(long seed, bool all)
        {
            Native.Require();
            if (Native.CudaIsAvailable() != 0 && Native.CudaManualSeed(seed, all ? 1 : 0) < 0)
            {
                Native.Throw();
            }
        }
    }
}
