using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using TorchKv.Runtime.Files;

namespace TorchKv.Cli.CommandLine;

/// <summary>
/// Makes options. A value is read in the same way under every culture, and a wrong one is refused with the option's
/// name and limits. An option that is not given is null, so that a command can tell it from any default.
/// </summary>
internal static class Values
{
    /// <summary>The most ids in one list: more than any context holds, and too few to exhaust memory.</summary>
    public const int MaxIds = 1 << 20;

    public static Option<bool> Flag(string name, string description) => new(name) { Description = description };

    public static Option<string?> Text(string name, string valueName, string description) =>
        new(name) { Description = description, HelpName = valueName };

    /// <summary>A folder to read. An empty name is an error of the command line.</summary>
    public static Option<string?> Folder(string name, string valueName, string description)
    {
        var option = Text(name, valueName, description);
        option.Validators.Add(result =>
        {
            if (result.Tokens is [.., { Value.Length: 0 }])
            {
                result.AddError($"{name}: '' is no name of a folder.");
            }
        });
        return option;
    }

    /// <summary>
    /// A file to write, which is checked before the command does anything. A name that no file can have is an error of
    /// the command line (exit code 2), a missing folder is a failure (exit code 1).
    /// </summary>
    public static Option<string?> OutputFile(string name, string valueName, string description) => new(name)
    {
        Description = description,
        HelpName = valueName,
        Arity = ArgumentArity.ExactlyOne,
        CustomParser = result =>
        {
            var path = result.Tokens[^1].Value;
            try
            {
                AtomicFile.Check(path);
            }
            catch (OutputFileException refusal) when (path.Length == 0 || Directory.Exists(path))
            {
                result.AddError($"{name}: {refusal.Message}");
            }

            return path;
        },
    };

    public static Option<string[]> Texts(string name, string valueName, string description) => new(name)
    {
        Description = description,
        HelpName = valueName,
        Arity = ArgumentArity.OneOrMore,
        AllowMultipleArgumentsPerToken = false,
        DefaultValueFactory = _ => [],
    };

    public static Option<int?> Integer(string name, string valueName, int min, int max, string description) =>
        Parsed<int?>(name, valueName, description, text =>
            long.TryParse(
                text,
                NumberStyles.AllowLeadingSign,
                CultureInfo.InvariantCulture,
                out var value) && value >= min && value <= max
                ? (int)value
                : throw new FormatException(
                    string.Create(CultureInfo.InvariantCulture, $"a whole number from {min} to {max}")));

    public static Option<long?> Count(string name, string valueName, long max, string description) =>
        Parsed<long?>(name, valueName, description, text =>
            long.TryParse(
                text,
                NumberStyles.AllowLeadingSign,
                CultureInfo.InvariantCulture,
                out var value) && value >= 1 && value <= max
                ? value
                : throw new FormatException(
                    string.Create(CultureInfo.InvariantCulture, $"a whole number from 1 to {max}")));

    public static Option<ulong?> Seed(string name, string description) =>
        Parsed<ulong?>(name, "S", description, text =>
            ulong.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var value)
                ? value
                : throw new FormatException($"a whole number from 0 to {ulong.MaxValue}"));

    /// <summary>A real number; NaN and the infinities are refused like any other value outside the limits.</summary>
    /// <param name="name">The option.</param>
    /// <param name="valueName">What help calls the value.</param>
    /// <param name="limits">The limits, as a message says them.</param>
    /// <param name="accepts">Whether a finite value lies within them.</param>
    /// <param name="description">For help.</param>
    public static Option<float?> Real(
        string name, string valueName, string limits, Func<float, bool> accepts, string description) =>
        Parsed<float?>(name, valueName, description, text =>
            float.TryParse(
                text,
                NumberStyles.Float,
                CultureInfo.InvariantCulture,
                out var value) && float.IsFinite(value) && accepts(value)
                ? value
                : throw new FormatException($"a number {limits}"));

    public static Option<string?> OneOf(string name, string[] choices, string description) =>
        Parsed<string?>(name, string.Join('|', choices), description, text =>
            choices.Contains(text, StringComparer.Ordinal)
                ? text
                : throw new FormatException($"one of {string.Join(", ", choices)}"));

    /// <summary>
    /// A list of whole numbers of at least <paramref name="min"/>: <c>1,2,3</c>, <c>1 2 3</c> or <c>[1, 2, 3]</c>.
    /// </summary>
    public static Option<int[]?> Integers(string name, string valueName, int min, string description) =>
        Parsed<int[]?>(name, valueName, description, text => ParseList(text, min));

    /// <summary>A fixed number of real numbers that are not negative: <c>25,10</c>.</summary>
    /// <param name="name">The option.</param>
    /// <param name="valueName">What help calls the values, with commas between.</param>
    /// <param name="count">How many.</param>
    /// <param name="description">For help.</param>
    public static Option<double[]?> Reals(string name, string valueName, int count, string description) =>
        Parsed<double[]?>(name, valueName, description, text =>
        {
            var parts = text.Split(',');
            var values = new double[parts.Length];
            for (var i = 0; i < parts.Length; i++)
            {
                if (!double.TryParse(parts[i], NumberStyles.Float, CultureInfo.InvariantCulture, out values[i])
                    || values[i] is not (>= 0 and <= 1e9))
                {
                    values = [];
                    break;
                }
            }

            return values.Length == count
                ? values
                : throw new FormatException(
                    $"{count} numbers from 0 to 1000000000 with commas between, {valueName}");
        });

    /// <summary>
    /// Bytes: a number with KB, MB, GB, TB (powers of 1000), KiB, MiB, GiB, TiB (powers of 1024), B or nothing.
    /// </summary>
    public static Option<long?> Bytes(string name, string description) =>
        Parsed<long?>(name, "24GiB", description, text =>
            ByteSize.TryParse(text, out var bytes)
                ? bytes
                : throw new FormatException(
                    "a size such as 24GiB, 512MB or 1000000 (bytes), more than 0 and at most 8EiB"));

    /// <summary>A list's values; null where it was not given (System.CommandLine makes that an empty one).</summary>
    public static int[]? GetList(this ParseResult parsed, Option<int[]?> option) =>
        parsed.GetResult(option) is { Implicit: false } ? parsed.GetValue(option) : null;

    /// <summary>The numbers of <see cref="Reals"/>; null where they were not given.</summary>
    public static double[]? GetReals(this ParseResult parsed, Option<double[]?> option) =>
        parsed.GetResult(option) is { Implicit: false } ? parsed.GetValue(option) : null;

    internal static int[] ParseList(string text, int min)
    {
        var trimmed = text.AsSpan().Trim();
        if (trimmed is ['[', .., ']'])
        {
            trimmed = trimmed[1..^1];
        }

        var values = new List<int>();
        foreach (var part in trimmed.ToString().Split(
            [',', ' ', '\t', '\r', '\n'], StringSplitOptions.RemoveEmptyEntries))
        {
            if (!int.TryParse(
                part, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var value) || value < min)
            {
                throw new FormatException(
                    $"a list of whole numbers from {min} to {int.MaxValue} such as 1,2,3 "
                    + $"('{Shorten(part)}' is not one)");
            }

            if (values.Count == MaxIds)
            {
                throw new FormatException($"a list of at most {MaxIds} numbers");
            }

            values.Add(value);
        }

        return values.Count > 0
            ? [.. values]
            : throw new FormatException("a list of at least one whole number such as 1,2,3");
    }

    internal static string Shorten(string text) => text.Length <= 40 ? text : string.Concat(text.AsSpan(0, 37), "…");

    private static Option<T> Parsed<T>(string name, string valueName, string description, Func<string, T> parse) =>
        new(name)
        {
            Description = description,
            HelpName = valueName,
            Arity = ArgumentArity.ExactlyOne,
            CustomParser = result => Parse(result, name, parse),
        };

    private static T? Parse<T>(ArgumentResult result, string name, Func<string, T> parse)
    {
        if (result.Tokens.Count == 0)
        {
            return default;
        }

        var text = result.Tokens[^1].Value;
        try
        {
            return parse(text);
        }
        catch (FormatException expected)
        {
            result.AddError($"{name} takes {expected.Message}, not '{Shorten(text)}'.");
            return default;
        }
    }
}
