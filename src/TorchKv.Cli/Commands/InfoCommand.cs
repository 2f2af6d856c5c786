using System.CommandLine;
using System.Globalization;
using System.Runtime.InteropServices;
using Microsoft.ML.Tokenizers;
using TorchKv.Cli.CommandLine;
using TorchKv.Cli.Models;
using TorchKv.Cli.Terminal;

namespace TorchKv.Cli.Commands;

/// <summary>The command <c>info</c>: shows versions, processor, devices and a model's shape.</summary>
internal sealed class InfoCommand : CliCommand
{
    public const string CommandName = "info";

    private readonly Option<string?> _model = Values.Folder(
        "--model", "DIR", $"a checkpoint to describe ({ModelOptions.DefaultModel}, where it is)");
    private readonly Option<bool> _json = Values.Flag("--json", "one JSON object on standard output");

    public InfoCommand(CliConsole console)
        : base(
            console,
            CommandName,
            "The version, the TorchSharp and libtorch in use, devices, CPU features, and a model's card.") =>
        AddGroup("Options", _model, _json);

    public override IReadOnlyList<(string Line, string Does)> Examples =>
    [
        ("torchkv info", "what runs here"),
        ("torchkv info --model weights/storyteller-draft", "what a checkpoint is"),
    ];

    public static string Version { get; } = PackageVersion.Of(typeof(InfoCommand).Assembly);

    protected override Task<int> RunAsync(ParseResult parsed, CancellationToken cancellationToken)
    {
        var torch = TorchFacts.Find();
        var (torchSharp, tokenizers) = (Libtorch.TorchSharpVersion, PackageVersion.Of(typeof(Tokenizer).Assembly));
        var features = CpuFeatures.Find();
        var asked = parsed.GetValue(_model);
        if (parsed.GetValue(_json))
        {
            var card = asked is null ? null : ModelCard.Read(asked);
            Console.WriteJson(writer =>
            {
                writer.WriteString("version", Version);
                writer.WriteString("torchsharp", torchSharp);
                writer.WriteString("libtorch", torch.Version);
                writer.WriteString("tokenizers", tokenizers);
                writer.WriteStartArray("devices");
                foreach (var device in torch.Devices)
                {
                    writer.WriteStringValue(device);
                }

                writer.WriteEndArray();
                writer.WriteStartArray("cpu_features");
                foreach (var feature in features)
                {
                    writer.WriteStringValue(feature);
                }

                writer.WriteEndArray();
                card?.WriteJson(writer);
            });
            return Task.FromResult(ExitCodes.Done);
        }

        var (output, style) = (Console.Out, Console.OutStyle);
        void Row(string name, string value) => output.WriteLine($"{style.Cyan(name.PadRight(14))}{value}");
        Row("torchkv", Version);
        Row("runtime", $"{RuntimeInformation.FrameworkDescription}, {RuntimeInformation.RuntimeIdentifier}");
        Row("TorchSharp", torchSharp ?? "not there (the CPU runner works without it)");
        Row("libtorch", torch.Version ?? "not there (the CPU runner works without it)");
        Row("tokenizer", $"Microsoft.ML.Tokenizers {tokenizers}");
        Row("devices", string.Join(", ", torch.Devices));
        Row("cores", Environment.ProcessorCount.ToString(CultureInfo.InvariantCulture));
        Row("memory", ByteSize.Format(GC.GetGCMemoryInfo().TotalAvailableMemoryBytes));
        Row("CPU features", features.Count > 0 ? string.Join(' ', features) : "none that the kernels use");
        if (torch.Problem is { } problem)
        {
            output.WriteLine();
            output.WriteLine(style.Dim(problem));
        }

        if (asked is not null || Directory.Exists(ModelOptions.FindDefault()))
        {
            output.WriteLine();
            ModelCard.Read(asked ?? ModelOptions.FindDefault()).Write(output, style);
        }

        return Task.FromResult(ExitCodes.Done);
    }
}
