using System.Linq.Expressions;
using System.Reflection;
using static TorchSharp.torch;

namespace TorchKv.PortChecking.Traces;

/// <summary>
/// Adds forward hooks to modules of any number of inputs. The type of a hook depends on the module's inputs and output,
/// so that it is compiled for each module.
/// </summary>
internal static class ForwardHook
{
    /// <summary>Receives a module's output and inputs when its forward has finished.</summary>
    public delegate void OnFinished(object? output, object?[] inputs);

    /// <summary>Adds a hook.</summary>
    /// <returns>An action that removes the hook; null where the module has no hooks.</returns>
    public static Action? Add(nn.Module module, OnFinished finished)
    {
        // Module<T1, …, TResult> derives from HookableModule<TPreHook, TPostHook>, where TPostHook is
        // Func<module, inputs…, result, result>.
        var type = module.GetType();
        while (type is not null && !IsHookable(type))
        {
            type = type.BaseType;
        }

        if (type?.GetGenericArguments()[1] is not { } hookType || hookType.GetMethod("Invoke") is not { } invoke)
        {
            return null;
        }

        var hook = Compile(hookType, invoke, finished);
        var remover = type.GetMethod("register_forward_hook", [hookType])!.Invoke(module, [hook])!;
        var remove = remover.GetType().GetMethod("remove", BindingFlags.Public | BindingFlags.Instance)!;
        return () => remove.Invoke(remover, null);
    }

    private static bool IsHookable(Type type) =>
        type.IsGenericType && type.GetGenericTypeDefinition() == typeof(nn.HookableModule<,>);

    private static Delegate Compile(Type hookType, MethodInfo invoke, OnFinished finished)
    {
        ParameterExpression[] parameters =
            [.. invoke.GetParameters().Select(parameter => Expression.Parameter(parameter.ParameterType))];
        var inputs = parameters[1..^1].Select(input => Expression.Convert(input, typeof(object)));
        var call = Expression.Invoke(
            Expression.Constant(finished),
            Expression.Convert(parameters[^1], typeof(object)),
            Expression.NewArrayInit(typeof(object), inputs));
        return Expression.Lambda(hookType, Expression.Block(call, parameters[^1]), parameters).Compile();
    }
}
