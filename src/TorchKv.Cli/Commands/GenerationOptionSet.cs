using System.CommandLine;
using System.Globalization;
using TorchKv.Cli.CommandLine;
using TorchKv.Runtime.Contracts;

namespace TorchKv.Cli.Commands;

/// <summary>
/// The options that <c>generate</c> and <c>chat</c> share: how tokens are chosen, and when a text ends.
/// </summary>
internal sealed class GenerationOptionSet
{
    private readonly Option<int?> _maxNewTokens = Values.Integer(
        "--max-new-tokens", "N", 1, 1 << 24, "the most tokens to generate (64)");
    private readonly Option<string?> _eos = Values.Text(
        "--eos-token-id", "ID|none", "ends the text (the model's own); several: 1,2");
    private readonly Option<string[]> _stop = Values.Texts(
        "--stop", "TEXT", "ends the text where it appears; repeatable");
    private readonly Option<bool> _greedy = Values.Flag("--greedy", "the best token always (the default)");
    private readonly Option<float?> _temperature = Values.Real(
        "--temperature",
        "T",
        "0 or from 0.000001",
        value => value is 0 or >= GenerationOptions.MinTemperature,
        "divides the logits before sampling (0: the best token)");
    private readonly Option<int?> _topK = Values.Integer(
        "--top-k", "K", 0, 1 << 24, "samples from the K best tokens (0: all)");
    private readonly Option<float?> _topP = Values.Real(
        "--top-p", "P", "from 0 to 1", value => value is >= 0 and <= 1, "samples from the best tokens that sum to P");
    private readonly Option<float?> _minP = Values.Real(
        "--min-p",
        "P",
        "from 0 to 1",
        value => value is >= 0 and <= 1,
        "samples from tokens at least P times as probable as the best");
    private readonly Option<float?> _typicalP = Values.Real(
        "--typical-p", "P", "above 0, at most 1", value => value is > 0 and <= 1, "locally typical sampling of mass P");
    private readonly Option<float?> _repetitionPenalty = Values.Real(
        "--repetition-penalty", "X", "above 0", value => value > 0, "makes tokens seen already less likely (above 1)");
    private readonly Option<int?> _noRepeat = Values.Integer(
        "--no-repeat-ngram-size", "N", 0, 1 << 20, "no N tokens in a row appear twice (0: they may)");
    private readonly Option<ulong?> _seed = Values.Seed(
        "--seed", "the sampler's seed: the same one gives the same text");

    private readonly TokenOptionSet _tokens = new();

    public GenerationOptionSet() => _eos.Validators.Add(result =>
    {
        if (result.Tokens.Count > 0 && result.Tokens[^1].Value != "none")
        {
            try
            {
                Values.ParseList(result.Tokens[^1].Value, 0);
            }
            catch (FormatException)
            {
                result.AddError(
                    "--eos-token-id takes a token id from 0, several such as 1,2, or none, not "
                    + $"'{Values.Shorten(result.Tokens[^1].Value)}'.");
            }
        }
    });

    public IReadOnlyList<Option> Length => [_maxNewTokens, _eos, _stop, .. _tokens.Stops];

    public IReadOnlyList<Option> Sampling =>
    [
        _greedy, _temperature, _topK, _topP, _minP, _typicalP, _repetitionPenalty, _noRepeat, .. _tokens.Choice, _seed,
    ];

    /// <summary>Reads the options into the library's type.</summary>
    public GenerationOptions Read(ParseResult parsed, int defaultMaxNewTokens = 64)
    {
        var options = new GenerationOptions
        {
            MaxNewTokens = parsed.GetValue(_maxNewTokens) ?? defaultMaxNewTokens,
            EosTokenIds = parsed.GetValue(_eos) switch
            {
                null => null,
                "none" => [],
                var ids => Values.ParseList(ids, 0),
            },
            Stop = parsed.GetValue(_stop) ?? [],
            Temperature = parsed.GetValue(_temperature),
            TopK = parsed.GetValue(_topK),
            TopP = parsed.GetValue(_topP),
            MinP = parsed.GetValue(_minP),
            TypicalP = parsed.GetValue(_typicalP),
            RepetitionPenalty = parsed.GetValue(_repetitionPenalty),
            NoRepeatNgramSize = parsed.GetValue(_noRepeat),
            Seed = parsed.GetValue(_seed),
        };
        if (options.Stop.Any(text => text.Length == 0))
        {
            throw new UsageException("--stop takes a text of at least one character.");
        }

        if (parsed.GetValue(_greedy) && !options.IsGreedy)
        {
            throw new UsageException(
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"--greedy takes the best token always; leave it out to sample with {Given(parsed)}."));
        }

        return _tokens.Read(parsed, options);
    }

    private string Given(ParseResult parsed) => string.Join(
        ", ",
        ((Option[])[_temperature, _topK, _topP, _minP, _typicalP]).Where(
            option => parsed.GetResult(option) is { Implicit: false }).Select(option => option.Name));
}
