using static TorchSharp.torch;

namespace TorchSharp.Modules
{
    /// <summary>A tensor that a module registers as a parameter.</summary>
    public class Parameter : Tensor
    {
        /// <summary>Takes over a tensor, which becomes empty.</summary>
        public Parameter(Tensor data, bool requires_grad = true)
            : base(Prepared(data, requires_grad), register: false)
        {
            if (data.OwningDisposeScope is not null)
            {
                DisposeScope.ReplaceWith(data, this);
            }
        }

        internal Parameter(nint handle) : base(handle)
        {
        }

        /// <summary>Another object for the same native tensor.</summary>
        internal unsafe Parameter Share() => new(Interop.Native.TensorShare(Handle));

        private static nint Prepared(Tensor data, bool requires_grad)
        {
            data.requires_grad = requires_grad;
            return data.MoveHandle();
        }
    }
}

namespace TorchSharp
{
    public static partial class torch
    {
        public static partial class nn
        {
            public static Modules.Parameter Parameter(Tensor data, bool requires_grad = true) => new(data, requires_grad);
        }
    }
}
