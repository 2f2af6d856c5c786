using System.Runtime.CompilerServices;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace TorchSharp.Modules
{
    /// <summary>Modules one after the other; an intermediate result is disposed as soon as the next one has it.</summary>
    public class Sequential : nn.Module<Tensor, Tensor>
    {
        private readonly List<nn.IModule<Tensor, Tensor>> _modules = [];
        private readonly List<string> _names = [];

        protected internal Sequential(params (string name, nn.Module<Tensor, Tensor> submodule)[] modules) : base(nameof(Sequential))
        {
            foreach (var (child, module) in modules)
            {
                append(child, module);
            }
        }

        protected internal Sequential(params nn.Module<Tensor, Tensor>[] modules) : base(nameof(Sequential))
        {
            foreach (var module in modules)
            {
                append(module);
            }
        }

        public int Count => _modules.Count;

        [IndexerName("SequentialItems")]
        public nn.IModule<Tensor, Tensor> this[int index] => _modules[index];

        [IndexerName("SequentialItems")]
        public Sequential this[(int? start, int? end) index] => Slice(index.start ?? 0, index.end ?? Count);

        [IndexerName("SequentialItems")]
        public Sequential this[Range index] => Slice(index.Start.GetOffset(Count), index.End.GetOffset(Count));

        public Sequential append(string name, nn.IModule<Tensor, Tensor> module)
        {
            register_module(name, (nn.Module)module);
            _modules.Add(module);
            _names.Add(name);
            return this;
        }

        public Sequential append(nn.IModule<Tensor, Tensor> module) => append($"{_modules.Count}", module);

        public override Tensor forward(Tensor tensor)
        {
            if (_modules.Count == 0)
            {
                return tensor.alias();
            }
            var result = _modules[0].call(tensor);
            for (var i = 1; i < _modules.Count; i++)
            {
                var next = _modules[i].call(result);
                if (!ReferenceEquals(next, result))
                {
                    result.Dispose();
                }
                result = next;
            }
            return result;
        }

        // The children are registered as they are appended; this class has no fields of its own to register.
        protected override void RegisterComponents()
        {
        }

        private Sequential Slice(int start, int end)
        {
            if (start < 0 || start > Count)
            {
                throw new IndexOutOfRangeException($"{start} is not a valid index.");
            }
            if (end < 0 || end > Count)
            {
                throw new IndexOutOfRangeException($"{end} is not a valid index.");
            }
            var slice = new Sequential(Array.Empty<nn.Module<Tensor, Tensor>>());
            for (var i = start; i < end; i++)
            {
                slice.append(_names[i], _modules[i]);
            }
            return slice;
        }
    }
}

namespace TorchSharp
{
    public static partial class torch
    {
        public static partial class nn
        {
            public static Sequential Sequential() => new(Array.Empty<Module<Tensor, Tensor>>());

            public static Sequential Sequential(params (string name, Module<Tensor, Tensor> submodule)[] modules) => new(modules);

            public static Sequential Sequential(params Module<Tensor, Tensor>[] modules) => new(modules);

            public static Sequential Sequential(IEnumerable<(string name, Module<Tensor, Tensor> submodule)> modules) => new(modules.ToArray());

            public static Sequential Sequential(IEnumerable<Module<Tensor, Tensor>> modules) => new(modules.ToArray());
        }
    }
}
