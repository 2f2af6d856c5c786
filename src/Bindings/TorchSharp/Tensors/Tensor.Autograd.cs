using TorchSharp.Interop;

namespace TorchSharp;

public static partial class torch
{
    public unsafe partial class Tensor
    {
        public bool requires_grad
        {
            get => Native.TensorRequiresGrad(Handle) > 0;
            set
            {
                if (Native.TensorSetRequiresGrad(Handle, value ? 1 : 0) < 0)
                {
                    Native.Throw();
                }
            }
        }

        internal bool IsInference => Native.TensorIsInference(Handle) != 0;

        public bool is_leaf => Native.TensorIsLeaf(Handle) > 0;

        public Tensor? grad
        {
            get
            {
                var gradient = Native.TensorGrad(Handle);
                if (gradient == 0)
                {
                    Native.ThrowIfError();
                    return null;
                }
                return new Tensor(gradient);
            }
            set
            {
                if (Native.TensorSetGrad(Handle, value?.Handle ?? 0) < 0)
                {
                    Native.Throw();
                }
            }
        }

        public Tensor requires_grad_(bool requires_grad = true)
        {
            this.requires_grad = requires_grad;
            return this;
        }

        public Tensor with_requires_grad(bool requires_grad = true) => requires_grad_(requires_grad);

        public void retain_grad() => Aten.retain_grad.Run(this);

        public Tensor detach() => Aten.detach.Call(this);

        public Tensor detach_() => Aten.detach_.InPlace(this);

        public void backward() => backward(null);

        public void backward(IList<Tensor>? grad_tensors = null, bool retain_graph = false, bool create_graph = false, IList<Tensor>? inputs = null) =>
            Aten.backward.Run(this, Arg.List(inputs?.ToArray() ?? []), grad_tensors is { Count: > 0 } ? grad_tensors[0] : null, retain_graph, create_graph);
    }
}

file static class Aten
{
    public static readonly Op retain_grad = new("retain_grad");
    public static readonly Op detach = new("detach");
    public static readonly Op detach_ = new("detach_");
    public static readonly Op backward = new("_backward");
}
