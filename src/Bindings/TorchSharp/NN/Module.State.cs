using TorchSharp.Modules;
using TorchSharp.Utils;

namespace TorchSharp;

public static partial class torch
{
    public static partial class nn
    {
        // State dictionaries, and files in the package's own format: a count, then for each entry name, type, shape, bytes.
        public partial class Module
        {
            /// <summary>Parameters and persistent buffers by name: the tensors themselves, not copies.</summary>
            public virtual Dictionary<string, Tensor> state_dict(Dictionary<string, Tensor>? destination = null, string? prefix = null)
            {
                destination ??= [];
                foreach (var (own, parameter) in named_parameters())
                {
                    destination.TryAdd(Prefixed(prefix, own), parameter);
                }
                foreach (var (own, buffer) in named_buffers(include_nonpersistent: false))
                {
                    destination.TryAdd(Prefixed(prefix, own), buffer);
                }
                foreach (var (child, module) in _internal_submodules)
                {
                    module.state_dict(destination, Prefixed(prefix, child));
                }
                return destination;
            }

            /// <summary>Copies values in. Under <paramref name="strict"/> the names on both sides must be the same; nothing is copied otherwise.</summary>
            public virtual (IList<string> missing_keys, IList<string> unexpected_keyes) load_state_dict(Dictionary<string, Tensor> source, bool strict = true, IList<string>? skip = null)
            {
                skip ??= [];
                var destination = state_dict();
                var unexpected = source.Keys.Where(key => !skip.Contains(key) && !destination.ContainsKey(key)).ToList();
                var missing = destination.Keys.Where(key => !skip.Contains(key) && !source.ContainsKey(key)).ToList();
                if (strict && (missing.Count > 0 || unexpected.Count > 0))
                {
                    throw new InvalidOperationException("The loaded state_dict is not identical to the target dictionary.");
                }
                using var _ = no_grad();
                foreach (var (key, value) in source)
                {
                    if (!skip.Contains(key) && destination.TryGetValue(key, out var target))
                    {
                        target.copy_(value);
                    }
                }
                return (missing, unexpected);
            }

            public Module save(string location, IList<string>? skip = null)
            {
                using var stream = File.Create(location);
                return save(stream, skip);
            }

            public Module save(Stream stream, IList<string>? skip = null)
            {
                using var writer = new BinaryWriter(stream);
                return save(writer, skip);
            }

            public Module save(BinaryWriter writer, IList<string>? skip = null)
            {
                save_state_dict(writer, state_dict(), skip);
                return this;
            }

            public static void save_state_dict(BinaryWriter writer, Dictionary<string, Tensor> sd, IList<string>? skip = null)
            {
                var entries = sd.Where(entry => skip is null || !skip.Contains(entry.Key)).ToList();
                writer.Encode(entries.Count);
                foreach (var (key, value) in entries)
                {
                    writer.Write(key);
                    value.Save(writer);
                }
            }

            public virtual Module load(string location, bool strict = true, IList<string>? skip = null, Dictionary<string, bool>? loadedParameters = null)
            {
                if (!File.Exists(location))
                {
                    throw new FileNotFoundException(location);
                }
                using var stream = File.OpenRead(location);
                return load(stream, strict, skip, loadedParameters);
            }

            public Module load(Stream stream, bool strict = true, IList<string>? skip = null, Dictionary<string, bool>? loadedParameters = null)
            {
                using var reader = new BinaryReader(stream);
                return load(reader, strict, skip, loadedParameters);
            }

            public virtual Module load(BinaryReader reader, bool strict = true, IList<string>? skip = null, Dictionary<string, bool>? loadedParameters = null)
            {
                skip ??= [];
                var state = state_dict();
                var count = reader.Decode();
                if (strict && count != state.Count)
                {
                    throw new ArgumentException($"Mismatched state_dict sizes: expected {state.Count}, but found {count} entries.");
                }
                for (long i = 0; i < count; i++)
                {
                    var key = reader.ReadString();
                    var found = state.TryGetValue(key, out var target);
                    if (!found && strict)
                    {
                        throw new ArgumentException($"Mismatched module state names: the target modules does not have a submodule or buffer named '{key}'");
                    }
                    if (found && !skip.Contains(key))
                    {
                        target!.Load(reader);
                    }
                    else
                    {
                        TensorExtensionMethods.Skip(reader);
                    }
                    loadedParameters?.Add(key, found);
                }
                return this;
            }

            public static Module Create<T>(string path) where T : Module, new() => new T().load(path);

            private static string Prefixed(string? prefix, string name) => string.IsNullOrEmpty(prefix) ? name : $"{prefix}.{name}";
        }
    }
}
