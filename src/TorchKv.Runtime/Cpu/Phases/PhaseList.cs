using TorchKv.Runtime.Cpu.Steps;

namespace TorchKv.Runtime.Cpu.Phases;

/// <summary>The phases of a model in order.</summary>
internal sealed class PhaseList
{
    private readonly Phase[] _phases;
    private readonly int _countWithoutLogits;

    // Per phase: the next product. After the last one it is the first product of the next step.
    private readonly ProductPhase[] _nextProduct;

    /// <param name="layers">The phases that every step runs.</param>
    /// <param name="logits">The phases after them that compute logits.</param>
    public PhaseList(IEnumerable<Phase> layers, IEnumerable<Phase> logits)
    {
        Phase[] all = [.. layers];
        _countWithoutLogits = all.Length;
        _phases = [.. all, .. logits];
        _nextProduct = new ProductPhase[_phases.Length];
        var next = _phases.OfType<ProductPhase>().First();
        for (var i = _phases.Length - 1; i >= 0; i--)
        {
            _nextProduct[i] = next;
            next = _phases[i] as ProductPhase ?? next;
        }
    }

    /// <summary>A phase.</summary>
    public Phase this[int phase] => _phases[phase];

    /// <summary>The phases of a step. One that wants no logits ends before the phases that compute them.</summary>
    public int Count(StepShape shape) => shape.WantedCount == 0 ? _countWithoutLogits : _phases.Length;

    /// <summary>The most tasks of a phase in any step of up to this many tokens.</summary>
    public int MostTasks(int maxTokens) => _phases.Max(phase => phase.MostTasks(maxTokens));

    /// <summary>The first product after a phase.</summary>
    public ProductPhase NextProduct(int phase) => _nextProduct[phase];
}
