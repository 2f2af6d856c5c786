using System.Reflection;
using TorchSharp.Modules;
using TorchSharp.Utils;

namespace TorchSharp;

public static partial class torch
{
    public static partial class nn
    {
        /// <summary>The base of all modules: registered parameters, buffers and submodules.</summary>
        public partial class Module : IDisposable
        {
            protected OrderedDict<string, Module> _internal_submodules = new();
            protected OrderedDict<string, (Tensor, bool)> _internal_buffers = new();
            protected OrderedDict<string, Parameter> _internal_params = new();
            protected string? name;
            protected DeviceType _deviceType = DeviceType.CPU;
            protected int _deviceIndex = -1;

            private bool _componentsRegistered;
            private bool _disposed;

            protected Module(string name) => this.name = name;

            public virtual bool training { get; private set; } = true;

            public virtual string GetName() => string.IsNullOrEmpty(name) ? GetType().Name : name;

            public void Dispose()
            {
                Dispose(true);
                GC.SuppressFinalize(this);
            }

            /// <summary>Disposes the registered parameters, buffers and submodules.</summary>
            protected virtual void Dispose(bool disposing)
            {
                if (!disposing || _disposed)
                {
                    return;
                }
                _disposed = true;
                foreach (var (_, buffer) in _internal_buffers)
                {
                    buffer.Item1.Dispose();
                }
                foreach (var (_, parameter) in _internal_params)
                {
                    parameter.Dispose();
                }
                foreach (var (_, module) in _internal_submodules)
                {
                    module.Dispose();
                }
            }

            public virtual void train(bool train = true)
            {
                training = train;
                foreach (var (_, module) in named_children())
                {
                    module.train(train);
                }
            }

            public virtual void eval() => train(false);

            public virtual void zero_grad(bool set_to_none = true)
            {
                foreach (var (_, parameter) in named_parameters())
                {
                    using var gradient = parameter.grad;
                    if (gradient is null)
                    {
                        continue;
                    }
                    if (set_to_none)
                    {
                        parameter.grad = null;
                    }
                    else
                    {
                        gradient.zero_();
                    }
                }
            }

            /// <summary>Calls a function on every submodule, innermost first, and on this module.</summary>
            public virtual Module apply(Action<Module> fn)
            {
                foreach (var (_, module) in _internal_submodules)
                {
                    module.apply(fn);
                }
                fn(this);
                return this;
            }

            public virtual void register_buffer(string name, Tensor tensor, bool persistent = true)
            {
                if (tensor is null || tensor.IsInvalid)
                {
                    throw new ArgumentNullException(nameof(tensor), "A null tensor cannot be registered as a buffer.");
                }
                if (!_internal_buffers.TryAdd(name, (tensor, persistent)))
                {
                    throw new InvalidOperationException($"Tensor {name} is already registered.");
                }
            }

            public virtual void register_parameter(string name, Parameter param)
            {
                if (param is null || param.IsInvalid)
                {
                    throw new ArgumentNullException(nameof(param), "A null tensor cannot be registered as a parameter.");
                }
                if (!_internal_params.TryAdd(name, param))
                {
                    throw new InvalidOperationException($"Parameter {name} is already registered.");
                }
            }

            public void add_module(string name, Module module) => register_module(name, module);

            public virtual void register_module(string name, Module submodule)
            {
                if (submodule is null || submodule._disposed)
                {
                    _internal_submodules.Remove(name);
                    return;
                }
                if (name.Contains('.', StringComparison.Ordinal))
                {
                    throw new ArgumentException($"module name can't contain \".\", got: {name}");
                }
                if (string.IsNullOrEmpty(name))
                {
                    throw new ArgumentException("module name can't be empty string \"\"");
                }
                if (_internal_submodules.ContainsKey(name))
                {
                    throw new InvalidOperationException($"Sub-module {name} is already registered.");
                }
                submodule.RegisterComponents();
                _internal_submodules.Add(name, submodule);
            }

            protected void ConditionallyRegisterParameter(string name, Tensor? value) =>
                ConditionallyRegisterParameter(name, value as Parameter);

            /// <summary>Registers a parameter under a name, in place of another where there is one; null removes it.</summary>
            protected void ConditionallyRegisterParameter(string name, Parameter? value)
            {
                if (value is null)
                {
                    _internal_params.Remove(name);
                }
                else
                {
                    _internal_params[name] = value;
                }
            }

            /// <summary>Registers a buffer under a name, in place of another where there is one; null removes it.</summary>
            protected void ConditionallyRegisterBuffer(string name, Tensor? value, bool persistent = true)
            {
                if (value is null)
                {
                    _internal_buffers.Remove(name);
                }
                else
                {
                    _internal_buffers[name] = (value, persistent);
                }
            }

            /// <summary>Registers every module, parameter and tensor held in a field that is not null, under the field's name.</summary>
            protected virtual void RegisterComponents()
            {
                if (_componentsRegistered)
                {
                    return;
                }
                foreach (var field in FieldsOf(GetType()))
                {
                    var component = ComponentName(field);
                    if (_internal_submodules.ContainsKey(component) || _internal_params.ContainsKey(component) || _internal_buffers.ContainsKey(component))
                    {
                        continue;
                    }
                    switch (field.GetValue(this))
                    {
                        case Module module:
                            register_module(component, module);
                            break;
                        case Parameter parameter:
                            register_parameter(component, parameter);
                            break;
                        case Tensor tensor:
                            register_buffer(component, tensor);
                            break;
                    }
                }
                _componentsRegistered = true;
            }

            protected void ClearModules() => _internal_submodules.Clear();

            protected static (Device device, ScalarType dtype) GetDefaultDeviceAndType(Device? device = null, ScalarType? dtype = null) =>
                (device ?? get_default_device(), dtype ?? get_default_dtype());

            private static string ComponentName(FieldInfo field) => field.GetCustomAttribute<ComponentNameAttribute>()?.Name ?? field.Name;

            // A field that hides one of a base class stands for both.
            private static IEnumerable<FieldInfo> FieldsOf(Type type)
            {
                var seen = new HashSet<string>();
                for (Type? current = type; current is not null && current != typeof(object); current = current.BaseType)
                {
                    foreach (var field in current.GetFields(BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance))
                    {
                        if (seen.Add(field.Name))
                        {
                            yield return field;
                        }
                    }
                }
            }
        }
    }
}
