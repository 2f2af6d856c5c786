using TorchSharp.Modules;

namespace TorchSharp;

public static partial class torch
{
    public static partial class nn
    {
        // What a module holds, by name.
        public partial class Module
        {
            /// <summary>The buffers that are persistent; the package lists no others, whatever <paramref name="include_nonpersistent"/> says.</summary>
            public virtual IEnumerable<(string name, Tensor buffer)> named_buffers(bool recurse = true, bool include_nonpersistent = true)
            {
                var seen = new HashSet<object>(ReferenceEqualityComparer.Instance);
                foreach (var (own, (buffer, persistent)) in _internal_buffers)
                {
                    if (persistent && !buffer.IsInvalid && seen.Add(buffer))
                    {
                        yield return (own, buffer);
                    }
                }
                if (!recurse)
                {
                    yield break;
                }
                foreach (var (child, module) in _internal_submodules)
                {
                    foreach (var (inner, buffer) in module.named_buffers(true, include_nonpersistent))
                    {
                        if (seen.Add(buffer))
                        {
                            yield return ($"{child}.{inner}", buffer);
                        }
                    }
                }
            }

            public virtual IEnumerable<Tensor> buffers(bool recurse = true, bool include_nonpersistent = true) =>
                named_buffers(recurse, include_nonpersistent).Select(pair => pair.buffer);

            public virtual IEnumerable<(string name, Parameter parameter)> named_parameters(bool recurse = true)
            {
                var seen = new HashSet<object>(ReferenceEqualityComparer.Instance);
                foreach (var (own, parameter) in _internal_params)
                {
                    if (!parameter.IsInvalid && seen.Add(parameter))
                    {
                        yield return (own, parameter);
                    }
                }
                if (!recurse)
                {
                    yield break;
                }
                foreach (var (child, module) in _internal_submodules)
                {
                    foreach (var (inner, parameter) in module.named_parameters(true))
                    {
                        if (seen.Add(parameter))
                        {
                            yield return ($"{child}.{inner}", parameter);
                        }
                    }
                }
            }

            public virtual IEnumerable<Parameter> parameters(bool recurse = true) => named_parameters(recurse).Select(pair => pair.parameter);

            public virtual IEnumerable<(string name, Module module)> named_children() => _internal_submodules;

            public virtual IEnumerable<Module> children() => named_children().Select(pair => pair.module);

            /// <summary>All submodules, without this module itself: the children first, then theirs.</summary>
            public virtual IEnumerable<(string name, Module module)> named_modules()
            {
                foreach (var child in _internal_submodules)
                {
                    yield return child;
                }
                foreach (var (child, module) in _internal_submodules)
                {
                    foreach (var (inner, submodule) in module.named_modules())
                    {
                        yield return ($"{child}.{inner}", submodule);
                    }
                }
            }

            public virtual IEnumerable<Module> modules() => named_modules().Select(pair => pair.module);

            public virtual bool has_buffer(string target) => Find(target, static (module, name) => module._internal_buffers.ContainsKey(name) ? module : null) is not null;

            public virtual bool has_parameter(string target) => Find(target, static (module, name) => module._internal_params.ContainsKey(name) ? module : null) is not null;

            public virtual Tensor? get_buffer(string target) =>
                Find(target, static (module, name) => module._internal_buffers.TryGetValue(name, out var buffer) ? buffer.Item1 : null);

            public virtual Parameter? get_parameter(string target) =>
                Find(target, static (module, name) => module._internal_params.TryGetValue(name, out var parameter) ? parameter : null);

            // "trf_blocks.0.att.cache_k": children by name up to the last dot.
            private T? Find<T>(string target, Func<Module, string, T?> find) where T : class
            {
                ArgumentNullException.ThrowIfNull(target);
                if (find(this, target) is { } own)
                {
                    return own;
                }
                var dot = target.IndexOf('.', StringComparison.Ordinal);
                return dot > 0 && _internal_submodules.TryGetValue(target[..dot], out var child) ? child.Find(target[(dot + 1)..], find) : null;
            }
        }
    }
}
