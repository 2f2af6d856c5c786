using System.Linq.Expressions;
using TorchKv.PortChecking.Report;
using TorchKv.PortChecking.Traces;
using TorchKv.Runtime.Checkpoints;
using static TorchSharp.torch;

namespace TorchKv.PortChecking;

public static partial class PortChecker
{
    /// <summary>Runs a port once and compares its outputs with the first step of the original's trace.</summary>
    /// <param name="original">The path of a file that <c>tools/trace.py</c> wrote.</param>
    /// <param name="call">
    /// A call of the port, such as <c>() => module.call(ids)</c>. The module is the one that is traced.
    /// </param>
    /// <param name="options">Bounds and names; null for the defaults.</param>
    /// <returns>The report; <see cref="PortCheckReport.AssertSame"/> makes it a test.</returns>
    /// <exception cref="CheckpointException">The file cannot be read.</exception>
    /// <exception cref="TraceException">It is not a trace, or no module was called.</exception>
    public static PortCheckReport Compare<TResult>(
        string original, Expression<Func<TResult>> call, PortCheckOptions? options = null)
    {
        using var trace = RecordedTrace.Open(original);
        return Compare(trace, call, options);
    }

    /// <inheritdoc cref="Compare{TResult}(string, Expression{Func{TResult}}, PortCheckOptions?)"/>
    public static PortCheckReport Compare<TResult>(
        RecordedTrace original, Expression<Func<TResult>> call, PortCheckOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(original);
        ArgumentNullException.ThrowIfNull(call);
        var receiver = ModuleFinder.Find(call) ?? throw new TraceException(
            $"No module is called in {call.Body}; write () => module.call(ids), or pass the module itself.");
        var module = Expression.Lambda<Func<nn.Module>>(Expression.Convert(receiver, typeof(nn.Module))).Compile()();
        var first = original.GetStep(0, original.Steps.Count > 0 ? original.Steps[0] ?? [] : []);
        return Compare(original, module, [first], _ => call.Compile()(), options);
    }

    /// <summary>Runs a port through all steps of the original's trace and compares its outputs.</summary>
    /// <param name="original">The trace of the original.</param>
    /// <param name="module">The port.</param>
    /// <param name="run">Runs one step, such as <c>step => model.call(step.ToTensor(), true)</c>.</param>
    /// <param name="options">Bounds and names; null for the defaults.</param>
    /// <exception cref="TraceException">The trace has no ids for a step, or no module was called.</exception>
    public static PortCheckReport Compare(
        RecordedTrace original, nn.Module module, Func<TraceStep, object?> run, PortCheckOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(original);
        ArgumentNullException.ThrowIfNull(run);
        return Compare(original, module, [.. original.GetSteps()], run, options);
    }

    private static PortCheckReport Compare(
        RecordedTrace original,
        nn.Module module,
        IReadOnlyList<TraceStep> steps,
        Func<TraceStep, object?> run,
        PortCheckOptions? options)
    {
        using var recorder = new ModuleTrace(module, original.Root, original.Facts.MaxElements);
        foreach (var step in steps)
        {
            using var scope = NewDisposeScope();
            using var noGrad = no_grad();
            recorder.RecordOutput(run(step));
            recorder.NextStep();
        }

        using var port = recorder.ToTrace();
        return port.Order.Count > 0
            ? Compare(original, port, options)
            : throw new TraceException($"Nothing was recorded of {module.GetName()}: "
                + "its modules must be called with call, which runs hooks, not with forward.");
    }

    /// <summary>Finds the first module in an expression that a method is called on.</summary>
    private sealed class ModuleFinder : ExpressionVisitor
    {
        private Expression? _found;

        public static Expression? Find(Expression expression)
        {
            var finder = new ModuleFinder();
            finder.Visit(expression);
            return finder._found;
        }

        protected override Expression VisitMethodCall(MethodCallExpression node)
        {
            if (node.Object is { } receiver && typeof(nn.Module).IsAssignableFrom(receiver.Type))
            {
                _found ??= receiver;
            }

            return base.VisitMethodCall(node);
        }
    }
}
