using TorchSharp.Modules;
using static TorchSharp.torch;

namespace TorchSharp.Modules
{
    public interface IParameterLessModule
    {
    }

    /// <summary>A module without parameters or buffers, which no conversion concerns.</summary>
    public abstract class ParameterLessModule<T1, TResult>(string name) : nn.Module<T1, TResult>(name), IParameterLessModule
    {
        protected internal override nn.Module _to(Device device, ScalarType dtype, bool non_blocking) => this;

        protected internal override nn.Module _to(DeviceType deviceType, int deviceIndex, bool non_blocking) => this;

        protected internal override nn.Module _to(ScalarType dtype, bool non_blocking) => this;

        public override void register_buffer(string name, Tensor tensor, bool persistent = true) =>
            throw new InvalidOperationException("Cannot register a buffer on a module that is declared 'parameter-less.'");

        public override void register_parameter(string name, Parameter param) =>
            throw new InvalidOperationException("Cannot register a parameter on a module that is declared 'parameter-less.'");

        public override void register_module(string name, nn.Module submodule)
        {
            if (submodule is not IParameterLessModule)
            {
                throw new InvalidOperationException("Submodules of a parameter-less module must also be parameter-less.");
            }
            base.register_module(name, submodule);
        }
    }

    public sealed class Identity : ParameterLessModule<Tensor, Tensor>
    {
        internal Identity() : base(nameof(Identity))
        {
        }

        public override Tensor forward(Tensor tensor) => tensor.alias();
    }

    public sealed class Dropout : ParameterLessModule<Tensor, Tensor>
    {
        internal Dropout(double p, bool inplace) : base(nameof(Dropout))
        {
            this.p = p;
            this.inplace = inplace;
        }

        public bool inplace { get; set; }

        public double p { get; set; }

        public override Tensor forward(Tensor tensor) => nn.functional.dropout(tensor, p, training, inplace);
    }

    /// <summary>The erf form.</summary>
    public sealed class GELU : ParameterLessModule<Tensor, Tensor>
    {
        internal GELU(bool inplace) : base(nameof(GELU)) => this.inplace = inplace;

        public bool inplace { get; set; }

        public override Tensor forward(Tensor tensor) => nn.functional.gelu(tensor, inplace);
    }

    public sealed class ReLU : ParameterLessModule<Tensor, Tensor>
    {
        internal ReLU(bool inplace) : base(nameof(ReLU)) => this.inplace = inplace;

        public bool inplace { get; set; }

        public override Tensor forward(Tensor tensor) => nn.functional.relu(tensor, inplace);
    }

    public sealed class SiLU : ParameterLessModule<Tensor, Tensor>
    {
        internal SiLU(bool inplace) : base(nameof(SiLU)) => this.inplace = inplace;

        public bool inplace { get; set; }

        public override Tensor forward(Tensor tensor) => nn.functional.silu(tensor, inplace);
    }

    public sealed class Tanh : ParameterLessModule<Tensor, Tensor>
    {
        internal Tanh(bool inplace) : base(nameof(Tanh)) => this.inplace = inplace;

        public bool inplace { get; set; }

        public override Tensor forward(Tensor tensor) => nn.functional.tanh(tensor, inplace);
    }

    public sealed class Sigmoid : ParameterLessModule<Tensor, Tensor>
    {
        internal Sigmoid(bool inplace) : base(nameof(Sigmoid)) => this.inplace = inplace;

        public bool inplace { get; set; }

        public override Tensor forward(Tensor tensor) => nn.functional.sigmoid(tensor, inplace);
    }

    public sealed class Softmax : ParameterLessModule<Tensor, Tensor>
    {
        internal Softmax(long dim) : base(nameof(Softmax)) => this.dim = dim;

        public long dim { get; set; }

        public override Tensor forward(Tensor tensor) => tensor.softmax(dim);
    }

    public sealed class LogSoftmax : ParameterLessModule<Tensor, Tensor>
    {
        internal LogSoftmax(long dim) : base(nameof(LogSoftmax)) => this.dim = dim;

        public long dim { get; set; }

        public override Tensor forward(Tensor tensor) => tensor.log_softmax(dim);
    }
}

namespace TorchSharp
{
    public static partial class torch
    {
        public static partial class nn
        {
            public static Identity Identity() => new();

            public static Dropout Dropout(double p = 0.5, bool inplace = false) => new(p, inplace);

            public static GELU GELU() => new(false);

            public static GELU GELU(bool inplace) => new(inplace);

            public static ReLU ReLU(bool inplace = false) => new(inplace);

            public static SiLU SiLU() => new(false);

            public static SiLU SiLU(bool inplace) => new(inplace);

            public static Tanh Tanh(bool inplace = false) => new(inplace);

            public static Sigmoid Sigmoid() => new(false);

            public static Sigmoid Sigmoid(bool inplace) => new(inplace);

            public static Softmax Softmax(long dim) => new(dim);

            public static LogSoftmax LogSoftmax(long dim) => new(dim);
        }
    }
}
