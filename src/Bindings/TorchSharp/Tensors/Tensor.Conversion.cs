using TorchSharp.Interop;

namespace TorchSharp;

public static partial class torch
{
    public partial class Tensor
    {
        public Tensor to(ScalarType type, Device device, bool copy = false, bool disposeAfter = false, bool non_blocking = false)
        {
            InitializeDevice(device);
            return After(Aten.to_device.Call(this, device, type, non_blocking, copy), disposeAfter);
        }

        public Tensor to(DeviceType deviceType, int deviceIndex = -1, bool copy = false, bool disposeAfter = false, bool non_blocking = false) =>
            to(new Device(deviceType, deviceIndex), copy, disposeAfter, non_blocking);

        public Tensor to(Device device, bool copy = false, bool disposeAfter = false, bool non_blocking = false) =>
            to(dtype, device, copy, disposeAfter, non_blocking);

        public Tensor to(string device, bool copy = false, bool disposeAfter = false, bool non_blocking = false) =>
            to(new Device(device), copy, disposeAfter, non_blocking);

        public Tensor to(ScalarType type, bool copy = false, bool disposeAfter = false, bool non_blocking = false) =>
            to_type(type, copy, disposeAfter, non_blocking);

        public Tensor to(Tensor other, bool non_blocking = false) => to(other.dtype, other.device, non_blocking: non_blocking);

        public Tensor to_type(ScalarType type, bool copy = false, bool disposeAfter = false, bool non_blocking = false) =>
            After(Aten.to_dtype.Call(this, type, non_blocking, copy), disposeAfter);

        public Tensor type(ScalarType dtype) => to(dtype);

        public Tensor type(Func<Tensor, Tensor> typeFunc) => typeFunc(this);

        public Tensor type_as(Tensor tensor) => to_type(tensor.dtype);

        public Tensor cpu() => to(CPU);

        public Tensor cuda(Device? device = null, bool non_blocking = false)
        {
            if (device is not null && device.type != DeviceType.CUDA)
            {
                throw new ArgumentException("Not a CUDA device.", nameof(device));
            }
            return to(device ?? CUDA, non_blocking: non_blocking);
        }

        public Tensor bfloat16() => to_type(ScalarType.BFloat16);
        public Tensor half() => to_type(ScalarType.Float16);
        public Tensor @float() => to_type(ScalarType.Float32);
        public Tensor @double() => to_type(ScalarType.Float64);
        public Tensor @int() => to_type(ScalarType.Int32);
        public Tensor @long() => to_type(ScalarType.Int64);
        public Tensor @short() => to_type(ScalarType.Int16);
        public Tensor @byte() => to_type(ScalarType.Byte);
        public Tensor @char() => to_type(ScalarType.Int8);
        public Tensor @bool() => to_type(ScalarType.Bool);

        public Tensor clone() => Aten.clone.Call(this);

        public Tensor contiguous() => Aten.contiguous.Call(this);

        public Tensor pin_memory() => Aten.pin_memory.Call(this);

        /// <summary>Another tensor object for the same elements.</summary>
        public Tensor alias() => Aten.alias.Call(this);

        public Tensor copy_(Tensor source, bool nonBlocking = false) => Aten.copy_.InPlace(this, source, nonBlocking);

        /// <summary>Makes this tensor look at another's storage, with its shape and strides.</summary>
        public Tensor set_(Tensor source) => Aten.set__source_Tensor.InPlace(this, source);

        public Tensor fill_(Scalar value) => Aten.fill__Scalar.InPlace(this, value);

        public Tensor zero_() => Aten.zero_.InPlace(this);

        /// <summary>Whether <see cref="to(ScalarType, Device, bool, bool, bool)"/> would make a new tensor.</summary>
        internal bool ToWillCopy(ScalarType type, Device target) =>
            dtype != type || device_type != target.type || (target.index >= 0 && device_index != target.index);

        private Tensor After(Tensor result, bool disposeAfter)
        {
            if (disposeAfter)
            {
                Dispose();
            }
            return result;
        }
    }
}

file static class Aten
{
    public static readonly Op to_device = new("to", "device");
    public static readonly Op to_dtype = new("to", "dtype");
    public static readonly Op clone = new("clone");
    public static readonly Op contiguous = new("contiguous");
    public static readonly Op pin_memory = new("pin_memory");
    public static readonly Op alias = new("alias");
    public static readonly Op copy_ = new("copy_");
    public static readonly Op set__source_Tensor = new("set_", "source_Tensor");
    public static readonly Op fill__Scalar = new("fill_", "Scalar");
    public static readonly Op zero_ = new("zero_");
}
