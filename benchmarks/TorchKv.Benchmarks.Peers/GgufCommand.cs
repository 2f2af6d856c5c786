using System.CommandLine;
using TorchKv.Benchmarks.Measuring;

namespace TorchKv.Benchmarks.Peers;

/// <summary><c>gguf</c>: a checkpoint as llama.cpp reads it.</summary>
internal sealed class GgufCommand : Command
{
    private readonly Option<string> _llama = BenchOption.Required("--llama", "DIR", "the folder with libllama");
    private readonly Option<string> _model = BenchOption.Required("--model", "DIR", "the checkpoint");
    private readonly Option<string> _files = BenchOption.Required(
        "--files", "DIR", "the folder that the file is made in");
    private readonly Option<string> _type = BenchOption.Required("--type", "TYPE", "f32, f16, q8_0 or q4_0");

    public GgufCommand()
        : base("gguf", "Writes a checkpoint as a GGUF file and prints its name.")
    {
        _type.AcceptOnlyFromAmong("f32", "f16", "q8_0", "q4_0");
        foreach (var option in (Option[])[_llama, _model, _files, _type])
        {
            Options.Add(option);
        }

        SetAction(parsed =>
        {
            LlamaCpp.LoadLibrary(parsed.GetValue(_llama)!);
            Console.WriteLine(
                new PeerFiles(parsed.GetValue(_model)!, parsed.GetValue(_files)!).Gguf(parsed.GetValue(_type)!));
        });
    }
}
