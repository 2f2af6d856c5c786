using System.CommandLine;
using System.Globalization;
using TorchKv.Runtime.Files;

namespace TorchKv.Benchmarks.Measuring;

/// <summary>The options that benchmarks share, and options whose values are checked.</summary>
internal static class BenchOption
{
    public static Option<bool> Quick() => new("--quick") { Description = "fewer rounds and tokens" };

    public static Option<string?> Json() => OutputFile("--json", "FILE", "writes the figures as JSON");

    public static Option<string?> Plot() => OutputFile("--plot", "FILE.svg", "draws the figures");

    public static Option<string?> Model() =>
        Text("--model", "DIR", "a checkpoint (GPT-2 124M with weights by a formula)");

    public static Option<int> Threads(int standard, string description) =>
        Number("--threads", 1, 1024, standard, description);

    /// <summary>A text; null where the option is not given.</summary>
    public static Option<string?> Text(string name, string valueName, string description) =>
        new(name) { Description = description, HelpName = valueName };

    /// <summary>A file to write, checked before anything is measured; null where the option is not given.</summary>
    public static Option<string?> OutputFile(string name, string valueName, string description) => new(name)
    {
        Description = description,
        HelpName = valueName,
        CustomParser = result =>
        {
            try
            {
                AtomicFile.Check(result.Tokens[^1].Value);
            }
            catch (OutputFileException refusal)
            {
                result.AddError($"{name}: {refusal.Message}");
            }

            return result.Tokens[^1].Value;
        },
    };

    /// <summary>A text that must be given.</summary>
    public static Option<string> Required(string name, string valueName, string description) =>
        new(name) { Description = description, HelpName = valueName, Required = true };

    /// <summary>A whole number from <paramref name="min"/> to <paramref name="max"/>.</summary>
    public static Option<int> Number(string name, int min, int max, int standard, string description)
    {
        var option = new Option<int>(name)
        {
            Description = $"{description} ({standard})",
            HelpName = "N",
            DefaultValueFactory = _ => standard,
        };
        option.Validators.Add(result =>
        {
            var text = result.Tokens.Count > 0 ? result.Tokens[^1].Value : null;
            if (text is not null && !(int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var value)
                && value >= min && value <= max))
            {
                result.AddError(
                    $"{name} takes a whole number from {min} to {max}, not '{text}'.");
            }
        });
        return option;
    }

    /// <summary>
    /// Some of <paramref name="choices"/>, separated by commas; <paramref name="standard"/> where the option is not
    /// given.
    /// </summary>
    public static Option<string[]> Several(
        string name, string[] choices, string[] standard, string description) => new(name)
        {
            Description = $"{description}: {string.Join(',', choices)}",
            HelpName = "A,B",
            DefaultValueFactory = _ => standard,
            CustomParser = result =>
            {
                var given = result.Tokens[^1].Value.Split(',', StringSplitOptions.RemoveEmptyEntries);
                if (given.Length == 0 || given.Except(choices).Any())
                {
                    result.AddError(
                        $"{name} takes some of {string.Join(", ", choices)}, separated by commas, not "
                            + $"'{result.Tokens[^1].Value}'.");
                }

                return given;
            },
        };

    /// <summary>Whole numbers from 1, separated by commas; null where the option is not given.</summary>
    public static Option<int[]?> Numbers(string name, int max, string description) => new(name)
    {
        Description = description,
        HelpName = "N,N",
        DefaultValueFactory = _ => null,
        CustomParser = result =>
        {
            var numbers = new List<int>();
            foreach (var text in result.Tokens[^1].Value.Split(','))
            {
                if (!int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number)
                    || number < 1
                    || number > max)
                {
                    result.AddError(
                        $"{name} takes whole numbers from 1 to {max}, separated by commas, not '{text}'.");
                }

                numbers.Add(number);
            }

            return [.. numbers];
        },
    };
}
