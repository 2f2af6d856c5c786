using System.Diagnostics;
using TorchKv.Runtime.Contracts;

namespace TorchKv.Structured.Automata;

/// <summary>The time that one compilation has, and what ends it earlier.</summary>
/// <param name="limits">The limits.</param>
/// <param name="cancellationToken">Ends the work.</param>
internal sealed class WorkBudget(WorkLimits limits, CancellationToken cancellationToken = default)
{
    private readonly long _began = Stopwatch.GetTimestamp();

    public WorkLimits Limits => limits;

    /// <summary>Throws where the time is over or the work was cancelled.</summary>
    /// <exception cref="ConstraintException">The time is over.</exception>
    public void Check()
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (Stopwatch.GetElapsedTime(_began) > limits.CompileTime)
        {
            throw new ConstraintException(
                $"The constraint is too complex: it was not compiled within {limits.CompileTime.TotalSeconds:0.###} s.",
                keyword: "compile time");
        }
    }
}
