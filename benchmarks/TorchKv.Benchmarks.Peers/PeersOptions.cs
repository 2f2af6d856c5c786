namespace TorchKv.Benchmarks.Peers;

/// <summary>What a comparison with other programs is asked for.</summary>
internal sealed record PeersOptions
{
    /// <summary>Fewer rounds and tokens.</summary>
    public required bool Quick { get; init; }

    /// <summary>Threads on every side.</summary>
    public required int Threads { get; init; }

    /// <summary>The folder with libllama; null: llama.cpp is not here.</summary>
    public required string? Llama { get; init; }

    /// <summary>A Python with torch; null: PyTorch is not here.</summary>
    public required string? Python { get; init; }

    /// <summary>The checkpoint's folder.</summary>
    public required string Model { get; init; }

    /// <summary>Where files for the others are made.</summary>
    public required string Files { get; init; }

    /// <summary>The default model, for perplexity.</summary>
    public required string Storyteller { get; init; }

    /// <summary>Its held-out text.</summary>
    public required string HeldOut { get; init; }

    /// <summary>The command line's program.</summary>
    public required string CommandLine { get; init; }

    /// <summary>The PyTorch side's program.</summary>
    public required string Script { get; init; }
}
