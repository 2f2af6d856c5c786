using TorchSharp.Interop;

namespace TorchSharp;

public static partial class torch
{
    /// <summary>A source of random numbers.</summary>
    public unsafe class Generator : IDisposable
    {
        private static Generator? s_default;

        private nint _handle;

        public Generator(ulong seed = 0, Device? device = null)
        {
            Native.Require();
            _handle = Native.GeneratorNew((device ?? CPU).Packed, (long)seed);
            if (_handle == 0)
            {
                Native.Throw();
            }
        }

        private Generator(nint handle) => _handle = handle;

        ~Generator() => Dispose(false);

        /// <summary>The CPU's own generator, which operators use where none is named.</summary>
        public static Generator Default
        {
            get
            {
                if (s_default is null || s_default._handle == 0)
                {
                    Native.Require();
                    var handle = Native.GeneratorDefault(CPU.Packed);
                    if (handle == 0)
                    {
                        Native.Throw();
                    }
                    s_default = new Generator(handle);
                }
                return s_default;
            }
        }

        public IntPtr Handle => _handle != 0 ? _handle : throw new InvalidOperationException("Generator invalid -- empty handle.");

        public Device device
        {
            get
            {
                var packed = Native.GeneratorDevice(Handle);
                return new Device(Device.TypeOf(packed), Device.IndexOf(packed));
            }
        }

        public Generator manual_seed(long seed)
        {
            Check(Native.GeneratorSetSeed(Handle, seed));
            return this;
        }

        /// <summary>Takes a fresh seed from the system and returns it.</summary>
        public long seed() => Native.GeneratorSeed(Handle);

        public long initial_seed() => Native.GeneratorCurrentSeed(Handle);

        public Tensor get_state()
        {
            var state = Native.GeneratorState(Handle);
            if (state == 0)
            {
                Native.Throw();
            }
            return new Tensor(state);
        }

        public void set_state(Tensor value) => Check(Native.GeneratorSetState(Handle, value.Handle));

        public void Dispose()
        {
            Dispose(true);
            GC.SuppressFinalize(this);
        }

        protected virtual void Dispose(bool disposing)
        {
            var released = Interlocked.Exchange(ref _handle, 0);
            if (released != 0)
            {
                Native.GeneratorRelease(released);
            }
        }
    }
}
