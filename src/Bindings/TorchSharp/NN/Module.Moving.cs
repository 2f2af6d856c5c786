using System.Reflection;
using TorchSharp.Interop;
using TorchSharp.Modules;

namespace TorchSharp;

public static partial class torch
{
    public static partial class nn
    {
        // To another device or element type.
        public partial class Module
        {
            protected internal virtual Module _to(Device device, ScalarType dtype, bool non_blocking)
            {
                RequireFloating(dtype);
                InitializeDeviceType(device.type);
                _toEpilog(dtype, device, non_blocking);
                return this;
            }

            protected internal virtual Module _to(DeviceType deviceType, int deviceIndex, bool non_blocking)
            {
                InitializeDeviceType(deviceType);
                _toEpilog(null, new Device(deviceType, deviceType == DeviceType.CUDA ? deviceIndex : -1), non_blocking);
                return this;
            }

            protected internal virtual Module _to(ScalarType dtype, bool non_blocking)
            {
                RequireFloating(dtype);
                _toEpilog(dtype, null, non_blocking);
                return this;
            }

            public Module _to(Tensor other, bool non_blocking)
            {
                _to(other.dtype, non_blocking);
                return _to(other.device_type, other.device_index, non_blocking);
            }

            /// <summary>
            /// Converts children, then what this module registered. A parameter keeps its identity and its ties (its data is exchanged);
            /// a buffer is a new tensor, the old one is disposed, and the field or property of its name gets the new one.
            /// </summary>
            protected virtual void _toEpilog(ScalarType? dtype, Device? device, bool non_blocking)
            {
                foreach (var (_, module) in named_children())
                {
                    if (device is null)
                    {
                        module._to(dtype!.Value, non_blocking);
                    }
                    else if (dtype is null)
                    {
                        module._to(device.type, device.index, non_blocking);
                    }
                    else
                    {
                        module._to(device, dtype.Value, non_blocking);
                    }
                }
                foreach (var (name, parameter) in named_parameters(false).ToList())
                {
                    if (ExchangeData(dtype, device, parameter, non_blocking) is { } replacement)
                    {
                        ConditionallyRegisterParameter(name, replacement);
                        SetMember(name, replacement);
                        parameter.Dispose();
                    }
                }
                foreach (var (name, buffer) in named_buffers(false).ToList())
                {
                    if (ReplaceBuffer(dtype, device, buffer, out var replacement))
                    {
                        ConditionallyRegisterBuffer(name, replacement);
                        SetMember(name, replacement);
                    }
                }
                if (device is not null)
                {
                    _deviceType = device.type;
                    _deviceIndex = device.index;
                }
            }

            protected static bool ReplaceBuffer(ScalarType? dtype, Device? device, Tensor buffer, out Tensor? result)
            {
                var (type, where) = Target(dtype, device, buffer);
                if (!buffer.ToWillCopy(type, where))
                {
                    result = null;
                    return false;
                }
                result = buffer.to(type, where, disposeAfter: true).DetachFromDisposeScope();
                return true;
            }

            protected static bool ReplaceParameter(ScalarType? dtype, Device? device, Parameter param, out Parameter? p)
            {
                var (type, where) = Target(dtype, device, param);
                if (!param.ToWillCopy(type, where))
                {
                    p = null;
                    return false;
                }
                using var _ = no_grad();
                p = new Parameter(param.to(type, where), param.requires_grad);
                p.DetachFromDisposeScope();
                using var gradient = param.grad;
                if (gradient is not null)
                {
                    using var moved = gradient.to(type, where);
                    p.grad = moved;
                }
                return true;
            }

            // Null where the parameter now has the converted data (or needed none); a replacement where libtorch cannot exchange
            // the data of this kind of tensor, as between a device and meta.
            private static Parameter? ExchangeData(ScalarType? dtype, Device? device, Parameter parameter, bool non_blocking)
            {
                var (type, where) = Target(dtype, device, parameter);
                if (!parameter.ToWillCopy(type, where))
                {
                    return null;
                }
                if (parameter.is_meta || where.type == DeviceType.META || parameter.IsInference)
                {
                    ReplaceParameter(dtype, device, parameter, out var replacement);
                    return replacement;
                }
                using (no_grad())
                {
                    using var data = parameter.to(type, where, non_blocking: non_blocking);
                    Aten.set_data.Run(parameter, data);
                    using var gradient = parameter.grad;
                    if (gradient is not null)
                    {
                        using var moved = gradient.to(type, where, non_blocking: non_blocking);
                        Aten.set_data.Run(gradient, moved);
                    }
                }
                return null;
            }

            // Only floating and complex tensors change their type.
            private static (ScalarType, Device) Target(ScalarType? dtype, Device? device, Tensor tensor) =>
                (dtype is { } wanted && (tensor.is_floating_point() || tensor.is_complex()) ? wanted : tensor.dtype, device ?? tensor.device);

            // A property of the component's name comes before a field of it, as in the package; one without a setter throws.
            private void SetMember(string name, object? value)
            {
                if (GetType().GetProperty(name, BindingFlags.Public | BindingFlags.Instance) is { } property)
                {
                    property.SetValue(this, value);
                    return;
                }
                foreach (var field in FieldsOf(GetType()))
                {
                    if (ComponentName(field) == name)
                    {
                        field.SetValue(this, value);
                        return;
                    }
                }
            }

            private static void RequireFloating(ScalarType dtype)
            {
                if (!dtype.is_floating_point() && !dtype.is_complex())
                {
                    throw new ArgumentException($"nn.Module.to only accepts floating point or complex types, but got desired dtype={dtype}");
                }
            }
        }
    }
}

public static class ModuleExtensionMethods
{
    public static T half<T>(this T module, bool non_blocking = false) where T : torch.nn.Module => (T)module._to(torch.ScalarType.Float16, non_blocking);

    public static T bfloat16<T>(this T module, bool non_blocking = false) where T : torch.nn.Module => (T)module._to(torch.ScalarType.BFloat16, non_blocking);

    public static T @float<T>(this T module, bool non_blocking = false) where T : torch.nn.Module => (T)module._to(torch.ScalarType.Float32, non_blocking);

    public static T @double<T>(this T module, bool non_blocking = false) where T : torch.nn.Module => (T)module._to(torch.ScalarType.Float64, non_blocking);

    public static T to<T>(this T module, torch.ScalarType type, bool non_blocking = false) where T : torch.nn.Module => (T)module._to(type, non_blocking);

    public static T to<T>(this T module, torch.Device device, torch.ScalarType type, bool non_blocking = false) where T : torch.nn.Module => (T)module._to(device, type, non_blocking);

    public static T to<T>(this T module, DeviceType deviceType, int deviceIndex = -1, bool non_blocking = false) where T : torch.nn.Module => (T)module._to(deviceType, deviceIndex, non_blocking);

    public static T to<T>(this T module, torch.Device device, bool non_blocking = false) where T : torch.nn.Module => (T)module._to(device.type, device.index, non_blocking);

    public static T to<T>(this T module, string device, bool non_blocking = false) where T : torch.nn.Module => module.to(new torch.Device(device), non_blocking);

    public static T to<T>(this T module, torch.Tensor other, bool non_blocking = false) where T : torch.nn.Module => (T)module._to(other, non_blocking);

    public static T cpu<T>(this T module, bool non_blocking = false) where T : torch.nn.Module => (T)module._to(DeviceType.CPU, -1, non_blocking);

    public static T cuda<T>(this T module, int deviceIndex = -1, bool non_blocking = false) where T : torch.nn.Module => (T)module._to(DeviceType.CUDA, deviceIndex, non_blocking);
}

file static class Aten
{
    public static readonly Op set_data = new("set_data");
}
