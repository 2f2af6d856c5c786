using System.CommandLine;
using TorchKv.Structured.Contracts;

namespace TorchKv.Benchmarks.Schemas;

/// <summary><c>schemas</c>: how many schemas of a suite compile, and whether the constraints judge its instances rightly.</summary>
internal sealed class SchemasCommand : Command
{
    private readonly Option<string> _suite = new("--suite")
    {
        Description = "a file (.jsonl, .jsonl.gz) or a folder in MaskBench's form",
        Required = true,
    };

    private readonly Option<bool> _compact = new("--compact")
    {
        Description = "constraints without whitespace; else any whitespace is allowed",
    };

    private readonly Option<bool> _details = new("--details") { Description = "every refusal by name" };

    public SchemasCommand()
        : base("schemas", "Compiles a suite of JSON schemas and judges its instances.")
    {
        Options.Add(_suite);
        Options.Add(_compact);
        Options.Add(_details);
        SetAction(RunAsync);
    }

    private async Task RunAsync(ParseResult parsed, CancellationToken cancellationToken)
    {
        var options = new JsonSchemaOptions
        {
            Whitespace = parsed.GetValue(_compact) ? JsonWhitespace.Compact : JsonWhitespace.Any,
        };
        var report = await SchemaSuite.RunAsync(SuiteCase.Read(parsed.GetValue(_suite)!), options);
        if (parsed.GetValue(_details))
        {
            report.Refused.ForEach(refusal => Console.WriteLine($"refused {refusal.Name}: {refusal.Message}"));
            report.InvalidAllowed.ForEach(name => Console.WriteLine($"invalid, allowed: {name}"));
            report.ValidRefused.ForEach(name => Console.WriteLine($"valid, refused: {name}"));
            report.ValidRefusedInOrder.ForEach(name => Console.WriteLine($"valid, refused in order: {name}"));
        }

        foreach (var line in report.Lines())
        {
            Console.WriteLine(line);
        }
    }
}
