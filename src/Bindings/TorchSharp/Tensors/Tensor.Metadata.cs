using TorchSharp.Interop;

namespace TorchSharp;

public static partial class torch
{
    public unsafe partial class Tensor
    {
        public long Dimensions => Native.TensorDim(Handle);

        public long dim() => Dimensions;

        public long ndim => Dimensions;

        public long NumberOfElements => Native.TensorNumel(Handle);

        public long numel() => NumberOfElements;

        public long ElementSize => Native.TensorElementSize(Handle);

        public long element_size() => ElementSize;

        public ScalarType dtype => (ScalarType)Native.TensorDtype(Handle);

        public Device device
        {
            get
            {
                var packed = PackedDevice;
                return Device.TypeOf(packed) switch
                {
                    DeviceType.CPU => CPU,
                    DeviceType.META => META,
                    var type => new Device(type, Device.IndexOf(packed)),
                };
            }
        }

        public DeviceType device_type => Device.TypeOf(PackedDevice);

        public int device_index => Device.IndexOf(PackedDevice);

        public long[] shape
        {
            get
            {
                var sizes = new long[Native.TensorDim(Handle)];
                for (var i = 0; i < sizes.Length; i++)
                {
                    sizes[i] = Native.TensorSize(handle, i);
                }
                return sizes;
            }
        }

        public long[] size() => shape;

        public long size(int dim) => Native.TensorSize(Handle, WrapDimension(dim));

        public long[] stride()
        {
            var strides = new long[Native.TensorDim(Handle)];
            for (var i = 0; i < strides.Length; i++)
            {
                strides[i] = Native.TensorStride(handle, i);
            }
            return strides;
        }

        public long stride(int dim) => Native.TensorStride(Handle, WrapDimension(dim));

        public long storage_offset() => Native.TensorStorageOffset(Handle);

        public bool is_contiguous() => Native.TensorIsContiguous(Handle) != 0;

        public bool is_cpu() => device_type == DeviceType.CPU;

        public bool is_cuda => device_type == DeviceType.CUDA;

        public bool is_meta => device_type == DeviceType.META;

        public bool is_sparse => Native.TensorLayout(Handle) != 0;

        public bool is_integral() => torch.is_integral(dtype);

        public bool is_floating_point() => torch.is_floating_point(dtype);

        public bool is_complex() => torch.is_complex(dtype);

        /// <summary>Whether the one element is not zero.</summary>
        public bool is_nonzero()
        {
            if (numel() != 1)
            {
                throw new InvalidOperationException("is_nonzero() called on non-singleton tensor");
            }
            return Aten.is_nonzero.CallBool(this);
        }

        private long PackedDevice => Native.TensorDevice(Handle);

        private int WrapDimension(int dim)
        {
            var dimensions = Native.TensorDim(Handle);
            if (dim < -dimensions || dim >= dimensions)
            {
                throw new System.Runtime.InteropServices.ExternalException(
                    $"Dimension out of range (expected to be in range of [{-dimensions}, {dimensions - 1}], but got {dim})");
            }
            return dim < 0 ? dim + dimensions : dim;
        }
    }
}

file static class Aten
{
    public static readonly Op is_nonzero = new("is_nonzero");
}
