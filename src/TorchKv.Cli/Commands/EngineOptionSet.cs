using System.CommandLine;
using System.Globalization;
using TorchKv.Cli.CommandLine;
using TorchKv.Runtime.Contracts;

namespace TorchKv.Cli.Commands;

/// <summary>The options of <c>generate</c> that the engine serves and the port's own loop does not.</summary>
internal sealed class EngineOptionSet
{
    private readonly Option<int?> _numBeams = Values.Integer("--num-beams", "N", 1, 256, "beam search with N beams");
    private readonly Option<float?> _lengthPenalty = Values.Real(
        "--length-penalty",
        "X",
        "from -100 to 100",
        value => value is >= -100 and <= 100,
        "a beam's score is its sum ÷ length^X (1)");
    private readonly Option<string?> _earlyStopping = Values.OneOf(
        "--early-stopping",
        ["true", "false", "never"],
        "true: stops once N beams are finished; never: once no better one can come (false)");
    private readonly Option<int?> _numReturn = Values.Integer(
        "--num-return-sequences", "N", 1, 256, "beams to answer with, best first (1)");
    private readonly Option<int?> _samples = Values.Integer("--n", "N", 1, 256, "samples to draw from each prompt (1)");
    private readonly Option<int?> _logProbs = Values.Integer(
        "--logprobs",
        "N",
        0,
        GenerationOptions.MaxLogProbs,
        "each new token's log-probability and the N best ones', with --json");
    private readonly Option<bool> _promptLogProbs = Values.Flag(
        "--prompt-logprobs", "each prompt token's log-probability, null for the first, with --json");
    private readonly Option<bool> _score = Values.Flag(
        "--score", "the prompt's log-probabilities and no new token, with --json");
    private readonly Option<bool> _echo = Values.Flag("--echo", "the text of the prompt before each answer");
    private readonly Option<int?> _priority = Values.Integer(
        "--priority", "N", int.MinValue, int.MaxValue, "among requests the lower number runs first (0)");
    private readonly Option<float?> _deadline = Values.Real(
        "--deadline",
        "SECONDS",
        "above 0, at most 1000000000",
        value => value is > 0 and <= 1e9f,
        "gives up after this time");

    private readonly Option<int?> _lookup = Values.Integer(
        "--prompt-lookup-num-tokens",
        "N",
        1,
        SpeculationOptions.MostDraftTokens,
        "drafts up to N tokens from earlier text; the text stays the same");

    public IReadOnlyList<Option> Beams => [_numBeams, _lengthPenalty, _earlyStopping, _numReturn];

    public IReadOnlyList<Option> Samples => [_samples, _logProbs, _promptLogProbs, _score, _echo];

    public IReadOnlyList<Option> Scheduling => [_priority, _deadline, _lookup];

    /// <summary>Whether answers begin with the prompt's text.</summary>
    public bool Echoes(ParseResult parsed) => parsed.GetValue(_echo);

    /// <summary>The name of the first of these options on the command line; null where there is none.</summary>
    public string? Given(ParseResult parsed) => ((Option[])[.. Beams, .. Samples, .. Scheduling])
        .FirstOrDefault(option => parsed.GetResult(option) is { Implicit: false })?.Name;

    /// <summary>Adds the options of this set to others.</summary>
    /// <exception cref="UsageException">Options contradict each other.</exception>
    public GenerationOptions Read(ParseResult parsed, GenerationOptions options, bool isJson)
    {
        var scores = parsed.GetValue(_score);
        Option? jsonOnly = parsed.GetValue(_logProbs) is not null ? _logProbs
            : parsed.GetValue(_promptLogProbs) ? _promptLogProbs
            : scores ? _score
            : null;
        if (jsonOnly is not null && !isJson)
        {
            throw new UsageException($"{jsonOnly.Name} goes with --json.");
        }

        if (scores && options.MinNewTokens > 0)
        {
            throw new UsageException("--score generates nothing; leave out --min-new-tokens.");
        }

        options = options with
        {
            Samples = parsed.GetValue(_samples) ?? 1,
            LogProbs = parsed.GetValue(_logProbs),
            PromptLogProbs = scores || parsed.GetValue(_promptLogProbs),
            MaxNewTokens = scores ? 0 : options.MaxNewTokens,
            Priority = parsed.GetValue(_priority) ?? 0,
            Deadline = parsed.GetValue(_deadline) is { } seconds ? TimeSpan.FromSeconds(seconds) : null,
            Beams = ReadBeams(parsed),
            Speculation = parsed.GetValue(_lookup) is { } drafts
                ? new SpeculationOptions { MaxDraftTokens = drafts }
                : null,
        };
        if (options.Beams is not null)
        {
            CheckBeams(parsed, options);
        }
        else if (options.Samples > 1 && options.IsGreedy)
        {
            throw new UsageException(
                "--n draws samples, and without sampling they would all be the same; add --temperature T, "
                + "or take --num-beams.");
        }

        return options;
    }

    private BeamSearchOptions? ReadBeams(ParseResult parsed)
    {
        var beams = parsed.GetValue(_numBeams) ?? 1;
        var sequences = parsed.GetValue(_numReturn) ?? 1;
        if (sequences > beams)
        {
            throw new UsageException(string.Create(
                CultureInfo.InvariantCulture,
                $"--num-return-sequences {sequences} needs --num-beams {sequences} or more (it is {beams})."));
        }

        if (beams == 1)
        {
            var stray = ((Option[])[_lengthPenalty, _earlyStopping]).FirstOrDefault(
                option => parsed.GetResult(option) is not null);
            return stray is null
                ? null
                : throw new UsageException($"{stray.Name} goes with --num-beams N, N at least 2.");
        }

        return new BeamSearchOptions
        {
            NumBeams = beams,
            LengthPenalty = parsed.GetValue(_lengthPenalty) ?? 1,
            EarlyStopping = parsed.GetValue(_earlyStopping) switch
            {
                "true" => EarlyStopping.WhenFull,
                "never" => EarlyStopping.WhenCertain,
                _ => EarlyStopping.Heuristic,
            },
            NumReturnSequences = sequences,
        };
    }

    private void CheckBeams(ParseResult parsed, GenerationOptions options)
    {
        if (!options.IsGreedy)
        {
            throw new UsageException(
                "beam search takes the best beams always; leave out --temperature and the other sampling "
                + "options, or --num-beams.");
        }

        if (options.Stop.Count > 0)
        {
            throw new UsageException("--stop is not served with --num-beams; --eos-token-id is.");
        }

        if (options.MaxNewTokens == 0)
        {
            throw new UsageException("--score is not served with --num-beams.");
        }

        if (options.StopTokenIds.Count > 0 || options.IncludeStopText)
        {
            throw new UsageException(
                $"{(options.IncludeStopText ? "--include-stop" : "--stop-ids")} is not served with --num-beams; "
                + "--eos-token-id is.");
        }

        Option? stray = options.Samples > 1 ? _samples
            : options.LogProbs is not null ? _logProbs
            : options.Speculation is not null ? _lookup
            : null;
        if (stray is not null)
        {
            throw new UsageException($"{stray.Name} is not served with --num-beams.");
        }
    }
}
