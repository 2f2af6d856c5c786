using System.Globalization;
using TorchKv.Runtime.Contracts;

namespace TorchKv.Benchmarks.Peers;

/// <summary>What <c>./run.sh bench peers</c> understands, and what its script found.</summary>
internal sealed record PeersOptions
{
    public const string Usage = "[--quick] [--json FILE] [--plot FILE.svg] [--markdown FILE] [--only float32|bfloat16|int8|int4|process|perplexity] [--threads N] [--model DIR]";

    private static readonly string[] Parts = ["float32", "bfloat16", "int8", "int4", "process", "perplexity"];

    /// <summary>Fewer rounds and tokens.</summary>
    public bool Quick { get; init; }

    public int Threads { get; init; } = Environment.ProcessorCount;

    /// <summary>The rows of one precision, of the command line's process, or of perplexity alone.</summary>
    public string? Only { get; init; }

    public string? Json { get; init; }

    public string? Plot { get; init; }

    public string? Markdown { get; init; }

    /// <summary>The folder with libllama; null: llama.cpp is not here.</summary>
    public string? Llama { get; init; }

    /// <summary>A Python with torch; null: PyTorch is not here.</summary>
    public string? Python { get; init; }

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

    public bool Wants(string part) => Only is null || Only == part;

    /// <summary>Null, and why, where the arguments make no sense.</summary>
    public static PeersOptions? Parse(string[] arguments, out string reason)
    {
        var values = new Dictionary<string, string>();
        var quick = false;
        reason = "";
        for (var i = 0; i < arguments.Length; i++)
        {
            if (arguments[i] == "--quick")
            {
                quick = true;
            }
            else if (arguments[i] is "--json" or "--plot" or "--markdown" or "--only" or "--threads" or "--model"
                or "--llama" or "--python" or "--files" or "--storyteller" or "--held-out" or "--cli" or "--script" && i + 1 < arguments.Length)
            {
                values[arguments[i]] = arguments[++i];
            }
            else
            {
                reason = $"'{arguments[i]}' is no option, or lacks its value.";
                return null;
            }
        }

        var threads = Environment.ProcessorCount;
        if (values.TryGetValue("--threads", out var text) && !(int.TryParse(text, CultureInfo.InvariantCulture, out threads) && threads > 0))
        {
            reason = $"--threads {text}: a number from 1 up is wanted.";
            return null;
        }

        if (values.TryGetValue("--only", out var only) && !Parts.Contains(only))
        {
            reason = $"--only {only}: there are {string.Join(", ", Parts)}.";
            return null;
        }

        return new PeersOptions
        {
            Quick = quick,
            Threads = threads,
            Only = only,
            Json = values.GetValueOrDefault("--json"),
            Plot = values.GetValueOrDefault("--plot"),
            Markdown = values.GetValueOrDefault("--markdown"),
            Llama = values.GetValueOrDefault("--llama"),
            Python = values.GetValueOrDefault("--python"),
            Model = values["--model"],
            Files = values["--files"],
            Storyteller = values["--storyteller"],
            HeldOut = values["--held-out"],
            CommandLine = values["--cli"],
            Script = values["--script"],
        };
    }
}
