using System.CommandLine;
using System.Diagnostics;
using System.Text.Json;
using TorchKv.Benchmarks.Measuring;
using TorchKv.Runtime.Text;

namespace TorchKv.Benchmarks.Peers;

/// <summary>
/// <c>grammar-worker</c>: llama.cpp's side of <c>bench structured</c>. Answers a line of JSON with a line of JSON:
/// a grammar and tests with the times of its masks and the tests that it accepts.
/// </summary>
internal sealed class GrammarWorkerCommand : Command
{
    private static readonly JsonSerializerOptions s_web = new(JsonSerializerDefaults.Web);

    private readonly Option<string> _llama = BenchOption.Required("--llama", "DIR", "the folder with libllama");
    private readonly Option<string> _vocabulary = BenchOption.Required(
        "--vocabulary", "DIR", "a folder with vocab.json and merges.txt");
    private readonly Option<string> _files = BenchOption.Required(
        "--files", "DIR", "the folder that the vocabulary's GGUF file is made in");

    public GrammarWorkerCommand()
        : base("grammar-worker", "llama.cpp's side of a comparison of constraints.")
    {
        Hidden = true;
        foreach (var option in (Option[])[_llama, _vocabulary, _files])
        {
            Options.Add(option);
        }

        SetAction(Serve);
    }

    private int Serve(ParseResult parsed)
    {
        LlamaCpp.LoadLibrary(parsed.GetValue(_llama)!);
        var file = Path.Combine(parsed.GetValue(_files)!, "vocabulary.gguf");
        Directory.CreateDirectory(parsed.GetValue(_files)!);
        Write(parsed.GetValue(_vocabulary)!, file);
        var vocabulary = LlamaGrammar.LoadVocabulary(file);
        Console.WriteLine("{}");
        while (Console.ReadLine() is { } line)
        {
            Console.WriteLine(JsonSerializer.Serialize(
                Answer(vocabulary, JsonSerializer.Deserialize<GrammarRequest>(line, s_web)!), s_web));
        }

        return 0;
    }

    private static object Answer(nint vocabulary, GrammarRequest request)
    {
        var began = Stopwatch.GetTimestamp();
        using var grammar = LlamaGrammar.Create(vocabulary, request.Grammar);
        if (grammar is null)
        {
            return new { error = "llama.cpp does not read the grammar" };
        }

        grammar.Mask();
        var compile = Stopwatch.GetElapsedTime(began).TotalMicroseconds;
        var (masks, accepted) = (new List<double>(), new List<bool>());
        foreach (var test in request.Tests)
        {
            using var sampler = grammar.Clone();
            var read = 0;
            foreach (var id in test.Ids)
            {
                if (read < test.Masks)
                {
                    masks.Add(sampler.Mask());
                }

                if (!sampler.TryAppend(id))
                {
                    break;
                }

                read++;
            }

            accepted.Add(read == test.Ids.Length && sampler.CanEnd);
        }

        return new { compile, masks, accepted };
    }

    private static void Write(string folder, string file)
    {
        var ids = JsonSerializer.Deserialize<Dictionary<string, int>>(
            File.ReadAllText(Path.Combine(folder, "vocab.json")))!;
        var tokens = new string[ids.Values.Max() + 1];
        foreach (var (token, id) in ids)
        {
            tokens[id] = token;
        }

        string[] merges =
        [
            .. File.ReadLines(Path.Combine(folder, "merges.txt"))
                .Where(line => line.Length > 0 && !line.StartsWith("#version", StringComparison.Ordinal)),
        ];
        GgufWriter.WriteVocabulary(file, tokens, merges, ids[Gpt2Tokenizer.EndOfTextToken]);
    }
}
