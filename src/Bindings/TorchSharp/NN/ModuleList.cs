using System.Collections;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace TorchSharp.Modules
{
    /// <summary>A list of modules, registered under their indices when the list itself is registered.</summary>
    public class ModuleList<T> : nn.Module, IList<T> where T : nn.Module
    {
        private readonly List<T> _list = [];
        private bool _registered;

        public ModuleList(params T[] modules) : base("ModuleList")
        {
            if (modules is not null)
            {
                _list.AddRange(modules);
            }
        }

        public T this[int index]
        {
            get => _list[index];
            set => _list[index] = value;
        }

        public int Count => _list.Count;

        public bool IsReadOnly => false;

        public void Add(T item) => _list.Add(item);

        public void append(params T[] parameters) => _list.AddRange(parameters);

        public void extend(IEnumerable<T> modules) => _list.AddRange(modules);

        public void Insert(int index, T item) => _list.Insert(index, item);

        public bool Remove(T item) => _list.Remove(item);

        public void RemoveAt(int index) => _list.RemoveAt(index);

        public void Clear() => _list.Clear();

        public bool Contains(T item) => _list.Contains(item);

        public int IndexOf(T item) => _list.IndexOf(item);

        public void CopyTo(T[] array, int arrayIndex) => _list.CopyTo(array, arrayIndex);

        public IEnumerator<T> GetEnumerator() => _list.GetEnumerator();

        IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

        protected override void RegisterComponents()
        {
            if (_registered)
            {
                return;
            }
            for (var i = 0; i < _list.Count; i++)
            {
                register_module($"{i}", _list[i]);
            }
            _registered = true;
        }
    }

    /// <summary>Modules by name, in order, registered when the dictionary itself is registered.</summary>
    public class ModuleDict<T> : nn.Module, IEnumerable<(string, T)> where T : nn.Module
    {
        private readonly Utils.OrderedDict<string, T> _modules = new();
        private bool _registered;

        public ModuleDict() : base("ModuleDict")
        {
        }

        internal ModuleDict(params (string, T)[] modules) : base("ModuleDict")
        {
            foreach (var (key, module) in modules)
            {
                _modules.Add(key, module);
            }
        }

        public int Count => _modules.Count;

        public T this[string key]
        {
            get => _modules[key];
            set => _modules[key] = value;
        }

        public ICollection<string> Keys => _modules.Keys;

        public ICollection<T> Values => _modules.Values;

        public IEnumerable<string> keys() => _modules.Keys;

        public IEnumerable<T> values() => _modules.Values;

        public void Add(string key, T value) => _modules.Add(key, value);

        public bool ContainsKey(string key) => _modules.ContainsKey(key);

        public bool Remove(string key) => _modules.Remove(key);

        public bool TryGetValue(string key, [System.Diagnostics.CodeAnalysis.MaybeNullWhen(false)] out T value) => _modules.TryGetValue(key, out value);

        public IEnumerator<(string, T)> GetEnumerator() => _modules.GetEnumerator();

        IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

        protected override void RegisterComponents()
        {
            if (_registered)
            {
                return;
            }
            foreach (var (key, module) in _modules)
            {
                register_module(key, module);
            }
            _registered = true;
        }
    }
}

namespace TorchSharp
{
    public static partial class torch
    {
        public static partial class nn
        {
            public static ModuleList<Module> ModuleList(params Module[] modules) => new(modules);

            public static ModuleList<T> ModuleList<T>(params T[] modules) where T : Module => new(modules);

            public static ModuleDict<Module> ModuleDict(params (string, Module)[] modules) => new(modules);

            public static ModuleDict<T> ModuleDict<T>(params (string, T)[] modules) where T : Module => new(modules);
        }
    }
}
