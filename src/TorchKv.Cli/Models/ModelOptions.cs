using System.CommandLine;
using System.Globalization;
using TorchKv.Cli.CommandLine;

namespace TorchKv.Cli.Models;

/// <summary>The options of every command that loads a model.</summary>
internal sealed class ModelOptions
{
    public const string DefaultModel = "weights/storyteller";

    private readonly Option<string?> _model = Values.Folder(
        "--model", "DIR", $"a checkpoint in HuggingFace's layout ({DefaultModel})");
    private readonly Option<string?> _device = Values.Text(
        "--device", "DEVICE", "auto, cpu, cuda or cuda:N (auto: CUDA where there is one)");
    private readonly Option<string?> _dtype = Values.OneOf(
        "--dtype",
        ["float32", "bfloat16", "float16", "int8", "int4"],
        "what weights are held as (float32); int8 and int4 on the CPU runner");
    private readonly Option<string?> _runner = Values.OneOf(
        "--runner",
        ["cpu", "torch"],
        "managed kernels, or the port's weights on libtorch (cpu where the device is the CPU)");
    private readonly Option<int?> _threads = Values.Integer("--threads", "N", 1, 1024, "threads to compute with");

    public ModelOptions() => _device.Validators.Add(result =>
    {
        var text = result.Tokens.Count > 0 ? result.Tokens[^1].Value : "auto";
        if (!IsDevice(text))
        {
            result.AddError($"--device takes auto, cpu, cuda or cuda:N, not '{Values.Shorten(text)}'.");
        }
    });

    public IReadOnlyList<Option> All => [_model, _device, _dtype, _runner, _threads];

    /// <summary>Reads the options, and refuses combinations that contradict each other.</summary>
    /// <param name="parsed">The command line.</param>
    /// <param name="torchBecause">The option given that only the port serves; null: none was.</param>
    public ModelRequest Read(ParseResult parsed, string? torchBecause = null)
    {
        var device = parsed.GetValue(_device) ?? "auto";
        var dtype = parsed.GetValue(_dtype) ?? "float32";
        RunnerKind? runner = parsed.GetValue(_runner) switch
        {
            "cpu" => RunnerKind.Cpu,
            "torch" => RunnerKind.Torch,
            _ => null,
        };
        if (runner is RunnerKind.Cpu && torchBecause is not null)
        {
            throw new UsageException($"{torchBecause} is served by --runner torch, not by --runner cpu.");
        }

        if (runner is RunnerKind.Cpu && device.StartsWith("cuda", StringComparison.Ordinal))
        {
            throw new UsageException($"--runner cpu does not run on --device {device}; leave out one of the two.");
        }

        if (runner is RunnerKind.Cpu && dtype == "float16")
        {
            throw new UsageException(
                "--dtype float16 is served by --runner torch; the CPU runner takes float32, bfloat16, int8 or int4.");
        }

        if (dtype is "int8" or "int4")
        {
            if (runner is RunnerKind.Torch || torchBecause is not null || device.StartsWith(
                "cuda", StringComparison.Ordinal))
            {
                var other = runner is RunnerKind.Torch ? "--runner torch" : torchBecause ?? $"--device {device}";
                throw new UsageException($"--dtype {dtype} is served by the CPU runner alone, not with {other}.");
            }

            runner = RunnerKind.Cpu;
        }

        runner ??= torchBecause is not null || device.StartsWith("cuda", StringComparison.Ordinal)
            ? RunnerKind.Torch
            : null;
        return new ModelRequest(
            parsed.GetValue(_model) ?? FindDefault(), device, dtype, runner, parsed.GetValue(_threads));
    }

    /// <summary>The default model in the working folder, else the one that the .NET tool brings.</summary>
    public static string FindDefault()
    {
        var own = Path.Combine(AppContext.BaseDirectory, DefaultModel);
        return Directory.Exists(DefaultModel) || !Directory.Exists(own) ? DefaultModel : own;
    }

    private static bool IsDevice(string text) =>
        text is "auto" or "cpu" or "cuda"
        || (text.StartsWith("cuda:", StringComparison.Ordinal)
            && byte.TryParse(text.AsSpan(5), NumberStyles.None, CultureInfo.InvariantCulture, out _));
}
