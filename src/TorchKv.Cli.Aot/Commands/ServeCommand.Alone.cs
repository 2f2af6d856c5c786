using System.CommandLine;
using Microsoft.Extensions.DependencyInjection;

namespace TorchKv.Cli.Commands;

/// <content>
/// One process alone: without the router and the database, whose packages would make the program larger.
/// </content>
internal sealed partial class ServeCommand
{
    private static IReadOnlyList<(string Group, IReadOnlyList<Option> Options)> MoreOptions => [];

    private static IReadOnlyList<(string Line, string Does)> MoreExamples => [];

    private static Route? ReadRoute(ParseResult parsed) => null;

    private static Action<IServiceCollection>? ReadBatches(ParseResult parsed) => null;
}
