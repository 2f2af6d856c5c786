using TorchKv.Extensions.AI.Templates;
using TorchKv.Runtime.Cpu;
using TorchKv.Runtime.Serving;

namespace TorchKv.Extensions.AI;

/// <summary>How <c>AddTorchKv</c> loads a model and presents it.</summary>
public sealed class TorchKvOptions
{
    /// <summary>The model's name in answers; null: the folder's name.</summary>
    public string? ModelId { get; set; }

    /// <summary>
    /// Turns messages into a prompt; null: the folder's own template, or the transcript where it has none.
    /// </summary>
    public IChatTemplate? Template { get; set; }

    /// <summary>How the engine runs.</summary>
    public EngineOptions Engine { get; set; } = new();

    /// <summary>How the CPU runner keeps the model.</summary>
    public CpuRunnerOptions Cpu { get; set; } = new();

    /// <summary>The folder of a smaller model of the same vocabulary that drafts; null: none.</summary>
    public string? DraftDirectory { get; set; }

    /// <summary>
    /// Whether the model is loaded when the host starts, before it takes work; otherwise when it is first asked for.
    /// </summary>
    public bool LoadOnStart { get; set; } = true;
}
