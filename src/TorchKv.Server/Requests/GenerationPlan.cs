using TorchKv.Runtime.Contracts;
using TorchKv.Server.Contracts;
using TorchKv.Server.Models;
using TorchKv.Server.Resuming;

namespace TorchKv.Server.Requests;

/// <summary>A request that nothing speaks against: what the generator is asked, and the form of the answer.</summary>
internal sealed record GenerationPlan
{
    /// <summary>The answer's id, prefix included.</summary>
    public required string Id { get; init; }

    public required ServedModel Model { get; init; }

    /// <summary>The field that the prompt came in, for errors.</summary>
    public required string PromptField { get; init; }

    public required IReadOnlyList<PlannedPrompt> Prompts { get; init; }

    /// <summary>Answers to each prompt.</summary>
    public required int Samples { get; init; }

    /// <summary>How tokens are drafted ahead; null: they are not.</summary>
    public SpeculationOptions? Speculation { get; init; }

    public bool IsStream { get; init; }

    /// <summary>Whether a stream's last chunk has the usage.</summary>
    public bool IncludesUsage { get; init; }

    /// <summary>Whether every chunk has the usage so far.</summary>
    public bool ReportsRunningUsage { get; init; }

    public StreamOptionsFields? StreamOptions { get; init; }

    /// <summary>Best tokens that each token is shown with; null: no log-probabilities.</summary>
    public int? LogProbs { get; init; }

    /// <summary>Whether the prompt is part of the text.</summary>
    public bool Echoes { get; init; }

    public bool TrimsAnswerStart { get; init; }

    public bool ReturnsTokenIds { get; init; }

    /// <summary>Whether log-probabilities name tokens by their ids.</summary>
    public bool NamesTokensByIds { get; init; }

    /// <summary>The name of the chat template; null for completions.</summary>
    public string? ChatTemplate { get; init; }

    /// <summary>Fields that changed nothing though the caller may think so.</summary>
    public IReadOnlyList<string> IgnoredFields { get; init; } = [];

    /// <summary>Whether a stream's events have ids.</summary>
    public bool HasEventIds { get; init; }

    /// <summary>Where the stream goes on that was cut elsewhere; null: it begins.</summary>
    public ResumePoint? Resume { get; init; }

    /// <summary>Keeps the ids that the reader was sent; null: nothing does.</summary>
    public IStreamRecorder? Recorder { get; init; }

    /// <summary>How long a stream may be silent before it gets a comment; null: as the server's options say.</summary>
    public TimeSpan? KeepAliveInterval { get; init; }

    public int Choices => Prompts.Count * Samples;

    public long Created { get; init; } = DateTimeOffset.UtcNow.ToUnixTimeSeconds();

    /// <summary>
    /// Whether the same request must always give the same bytes: no time but <see cref="Created"/>, and nothing of the
    /// prefix cache, is part of the answer.
    /// </summary>
    public bool IsRepeatable { get; init; }
}
