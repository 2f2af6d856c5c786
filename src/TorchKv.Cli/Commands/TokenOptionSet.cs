using System.CommandLine;
using System.Globalization;
using TorchKv.Cli.CommandLine;
using TorchKv.Runtime.Contracts;

namespace TorchKv.Cli.Commands;

/// <summary>Options that name tokens, bear on single tokens, or say what a stop does.</summary>
internal sealed class TokenOptionSet
{
    private readonly Option<int?> _minNewTokens = Values.Integer(
        "--min-new-tokens", "N", 0, 1 << 24, "tokens before which nothing ends the text (0)");
    private readonly Option<bool> _ignoreEos = Values.Flag("--ignore-eos", "goes on past the end-of-text token");
    private readonly Option<int[]?> _stopIds = Values.Integers("--stop-ids", "1,2,3", 0, "ids that end the text too");
    private readonly Option<bool> _includeStop = Values.Flag(
        "--include-stop", "the stop text or stop id that ended the text is part of it");
    private readonly Option<float?> _frequencyPenalty = Values.Real(
        "--frequency-penalty",
        "X",
        "from -2 to 2",
        value => value is >= -2 and <= 2,
        "taken off a token's logit for each time that it was generated");
    private readonly Option<float?> _presencePenalty = Values.Real(
        "--presence-penalty",
        "X",
        "from -2 to 2",
        value => value is >= -2 and <= 2,
        "taken off the logit of a token that was generated");
    private readonly Option<string[]> _logitBias = Values.Texts(
        "--logit-bias", "ID=X", "adds X to a token's logit; repeatable");
    private readonly Option<string[]> _badWords = Values.Texts(
        "--bad-words", "TEXT", "is not generated, with or without a space before it; repeatable");
    private readonly Option<int[]?> _allowedIds = Values.Integers(
        "--allowed-ids", "1,2,3", 0, "the only ids that are generated, the end-of-text id included");

    public TokenOptionSet() => _logitBias.Validators.Add(result =>
    {
        foreach (var token in result.Tokens.Where(token => !TryReadBias(token.Value, out _, out _)))
        {
            result.AddError(
                "--logit-bias takes a token id and what is added to its logit, such as 50=-2.5, not "
                + $"'{Values.Shorten(token.Value)}'.");
        }
    });

    public IReadOnlyList<Option> Stops => [_minNewTokens, _ignoreEos, _stopIds, _includeStop];

    public IReadOnlyList<Option> Choice =>
        [_frequencyPenalty, _presencePenalty, _logitBias, _badWords, _allowedIds];

    /// <summary>The options with those of this set.</summary>
    /// <exception cref="UsageException">Options contradict each other.</exception>
    public GenerationOptions Read(ParseResult parsed, GenerationOptions options)
    {
        var ignoresEos = parsed.GetValue(_ignoreEos);
        if (ignoresEos && options.EosTokenIds is { Count: > 0 })
        {
            throw new UsageException("--ignore-eos takes no end-of-text id; leave out --eos-token-id.");
        }

        var least = parsed.GetValue(_minNewTokens) ?? 0;
        if (least > options.MaxNewTokens)
        {
            throw new UsageException(string.Create(
                CultureInfo.InvariantCulture,
                $"--min-new-tokens {least} is more than --max-new-tokens {options.MaxNewTokens}."));
        }

        var badWords = parsed.GetValue(_badWords) ?? [];
        if (badWords.Any(text => text.Length == 0))
        {
            throw new UsageException("--bad-words takes a text of at least one character.");
        }

        return options with
        {
            MinNewTokens = least,
            EosTokenIds = ignoresEos ? [] : options.EosTokenIds,
            StopTokenIds = parsed.GetList(_stopIds) ?? [],
            IncludeStopText = parsed.GetValue(_includeStop),
            FrequencyPenalty = parsed.GetValue(_frequencyPenalty),
            PresencePenalty = parsed.GetValue(_presencePenalty),
            LogitBias = ReadBiases(parsed),
            BadWords = badWords,
            AllowedTokenIds = parsed.GetList(_allowedIds),
        };
    }

    private Dictionary<int, float>? ReadBiases(ParseResult parsed)
    {
        var biases = new Dictionary<int, float>();
        foreach (var text in parsed.GetValue(_logitBias) ?? [])
        {
            TryReadBias(text, out var id, out var bias);
            if (!biases.TryAdd(id, bias))
            {
                throw new UsageException($"--logit-bias names the id {id} twice.");
            }
        }

        return biases.Count == 0 ? null : biases;
    }

    private static bool TryReadBias(string text, out int id, out float bias)
    {
        bias = 0;
        var equals = text.IndexOf('=', StringComparison.Ordinal);
        return int.TryParse(
                text.AsSpan(0, Math.Max(0, equals)), NumberStyles.None, CultureInfo.InvariantCulture, out id)
            && float.TryParse(text.AsSpan(equals + 1), NumberStyles.Float, CultureInfo.InvariantCulture, out bias)
            && float.IsFinite(bias);
    }
}
