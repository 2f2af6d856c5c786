using System.CommandLine;
using System.CommandLine.Parsing;
using System.Text;
using TorchKv.Cli.CommandLine;
using TorchKv.Cli.Terminal;
using TorchKv.TestSupport;

namespace TorchKv.Cli.Tests;

/// <summary>
/// Random command lines, over every option that there is, end in an exit code and in whole sentences.
/// </summary>
public sealed class CommandLineFuzzTests
{
    private static readonly string s_model = RepositoryFiles.Fixture("reports", "c-base");

    private static readonly string[] s_values =
    [
        "", " ", "0", "1", "2", "3", "7", "-1", "-0", "1,2", "2,1", "1,2,3", "0.5", "1e-9", "1e400", "NaN", "-inf",
        "2147483648", "99999999999999999999", "none", "cpu", "torch", "cuda:99", "float32", "int4", "float16", "true",
        "never", "paged", "static", "sliding-window", "first-come", "a\u2028b", "\ud83d\ude00", "--", "-", "@file",
        "%s", "1_000", "0x10", "1GB", "4KB", "\u0661", "text",
    ];

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public async Task RandomCommandLinesEndInSentences(int seed)
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder["ids.json"], "[1, 2, 3]");
        File.WriteAllText(folder["prompts.jsonl"], "{\"prompt_ids\": [1, 2]}\n{\"prompt_ids\": [3]}\n");
        File.WriteAllText(folder["broken"], "{\"a\": [");
        string[] paths =
        [
            folder["new"], folder["ids.json"], folder["prompts.jsonl"], folder["broken"], folder.Path, "",
            folder["missing/x"], s_model,
        ];
        var console = new CliConsole(TextWriter.Null, TextWriter.Null, () => Stream.Null);

        // The page stays until it is stopped once it has a recording
        var commands = CliApplication.CreateRoot(console, null).Subcommands
            .Where(command => command.Name != "page").ToArray();
        var random = new Random(seed);
        var codes = new int[3];
        for (var run = 0; run < 300; run++)
        {
            var line = RandomLine(random, commands[random.Next(commands.Length)], paths);
            codes[await Run(line)]++;
        }

        // Some lines are right, some are refused by the command line, some by what runs
        Assert.All(codes, count => Assert.InRange(count, 5, 295));
    }

    [Fact]
    public async Task EveryOptionTakesOrRefusesValuesOutOfItsRange()
    {
        string[] values =
        [
            "", " ", "-1", "0", "NaN", "1e400", "99999999999999999999", "-99999999999999999999", "nowhere/x",
        ];
        var console = new CliConsole(TextWriter.Null, TextWriter.Null, () => Stream.Null);
        var codes = new int[3];
        foreach (var command in CliApplication.CreateRoot(console, null).Subcommands)
        {
            foreach (var option in command.Options.Where(option => option.Arity.MaximumNumberOfValues > 0))
            {
                foreach (var value in values)
                {
                    // A name without a folder would be a file in the folder that the tests run in
                    var isFile = option.HelpName?.Contains("FILE", StringComparison.Ordinal) == true;
                    string[] given = isFile && value is not ("" or "nowhere/x") ? [] : [option.Name, value];
                    codes[await Run([command.Name, .. given, .. Needs(command, option)])]++;
                }
            }
        }

        Assert.All(codes, count => Assert.InRange(count, 10, int.MaxValue));
    }

    // What a command needs to run, without the option that is tried; what is slow gets a model that is not there
    private static IEnumerable<string> Needs(Command command, Option tried)
    {
        (string Name, string Value)[] needs =
        [
            ("--model", command.Name is "compare" or "demo" or "check-port" or "serve" ? "nowhere" : s_model),
            ("--prompt-ids", "1,2"), ("--max-new-tokens", "2"), ("--requests", "10"), ("--layers", "2"),
            ("--heads", "2"), ("--head-dim", "4"), ("--tokens", "8"),
        ];
        var has = command.Options.Select(option => option.Name).ToHashSet();
        var words = needs
            .Where(need => has.Contains(need.Name) && need.Name != tried.Name)
            .SelectMany(need => (string[])[need.Name, need.Value]);
        return has.Contains("--synthetic") ? words.Append("--synthetic") : words;
    }

    private static List<string> RandomLine(Random random, Command command, string[] paths)
    {
        // What is slow is stopped at its model: comparisons and the demonstration measure for seconds, a server stays
        var model = command.Name is "compare" or "demo" or "serve" ? paths[0] : s_model;
        var line = new List<string> { command.Name };
        var options = command.Options.Where(option => option.Name is not ("--article" or "--port")).ToArray();
        for (var count = random.Next(5); count > 0; count--)
        {
            var option = options[random.Next(options.Length)];
            line.Add(option.Name);
            if (option.Name == "--model")
            {
                line.Add(model);
            }
            else if (option.Arity.MaximumNumberOfValues > 0)
            {
                // A file is always one of the test's own folder, so that no run writes anywhere else
                var takesPath = option.HelpName?.Contains("FILE", StringComparison.Ordinal) == true
                    || option.HelpName?.Contains("DIR", StringComparison.Ordinal) == true;
                line.Add((takesPath ? paths : s_values)[random.Next((takesPath ? paths : s_values).Length)]);
            }
        }

        if (random.Next(12) == 0)
        {
            line.Add(s_values[random.Next(s_values.Length)]);
        }

        if (command.Options.Any(option => option.Name == "--model") && !line.Contains("--model"))
        {
            line.AddRange(["--model", model]);
        }

        if (command.Options.Any(option => option.Name == "--prompt-ids") && random.Next(3) > 0)
        {
            line.AddRange(["--prompt-ids", "1,2,3"]);
        }

        return line;
    }

    private static async Task<int> Run(List<string> line)
    {
        var shown = string.Join(' ', line.Select(word => $"'{word}'"));
        var (output, error) = (new StringWriter { NewLine = "\n" }, new StringWriter { NewLine = "\n" });
        var console = new CliConsole(
            output, error, () => new MemoryStream(Encoding.UTF8.GetBytes("{\"prompt\": 1}\n")));
        var code = await CliApplication.RunAsync([.. line], console, TestContext.Current.CancellationToken);
        Assert.True(code is ExitCodes.Done or ExitCodes.Failed or ExitCodes.Usage, $"{shown}: exit code {code}");
        Assert.False(error.ToString().Contains("internal error", StringComparison.Ordinal), $"{shown}: {error}");
        Assert.False(error.ToString().Contains("   at ", StringComparison.Ordinal), $"{shown}: {error}");
        if (code == ExitCodes.Failed)
        {
            var last = error.ToString().TrimEnd().Split('\n')[^1];
            Assert.True(last.StartsWith("torchkv: ", StringComparison.Ordinal), $"{shown}: {error}");
        }

        return code;
    }
}
