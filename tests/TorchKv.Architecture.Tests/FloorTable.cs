namespace TorchKv.Architecture.Tests;

/// <summary>
/// Which namespace may use which. An arrow that is not in the table fails the tests, and so does one that no code uses.
/// docs/architecture.md draws the same picture.
/// </summary>
internal static class FloorTable
{
    // A line without indentation begins a group. An indented line is a floor and, after the colon, the floors that it may
    // use. Names are relative to the group; "." is the group's own namespace, "/" begins a full name.
    private const string Table = """
        TorchKv.Runtime
            Contracts        :
            Files            : Contracts
            Model            : Contracts
            Configuration    : Contracts, Files
            Checkpoints      : Contracts, Files, Configuration
            Text             : Contracts, Files
            Sampling         : Contracts
            Paging           :
            Scheduling       : Contracts, Model, Paging
            Speculation      : Contracts, Model, Sampling, Paging, Scheduling
            Serving.Sessions : Contracts, Files, Model, Paging, Scheduling
            Serving          : Contracts, Model, Text, Sampling, Paging, Scheduling, Speculation, Serving.Sessions
            Cpu.Kernels      : Configuration
            Cpu              : Contracts, Model, Configuration, Checkpoints, Cpu.Kernels
            .                : Contracts, Files, Model, Text, Paging, Scheduling, Serving, Serving.Sessions, Cpu
        """;

    /// <summary>The floors with the floors that each may use, all by full namespace.</summary>
    public static IReadOnlyDictionary<string, IReadOnlySet<string>> Arrows { get; } = Read(Table);

    private static Dictionary<string, IReadOnlySet<string>> Read(string table)
    {
        var arrows = new Dictionary<string, IReadOnlySet<string>>();
        var group = "";
        foreach (var line in table.Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            if (!char.IsWhiteSpace(line[0]))
            {
                group = line.Trim();
                continue;
            }

            var colon = line.IndexOf(':');
            var uses = line[(colon + 1)..].Split(',', StringSplitOptions.RemoveEmptyEntries);
            arrows.Add(FullName(group, line[..colon]), uses.Select(name => FullName(group, name)).ToHashSet());
        }

        return arrows;
    }

    private static string FullName(string group, string name) => name.Trim() switch
    {
        "." => group,
        ['/', .. var full] => full,
        var relative => $"{group}.{relative}",
    };
}
