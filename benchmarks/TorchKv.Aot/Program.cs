using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text.Json;
using TorchKv.Runtime;
using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Cpu;

// A program of the runtime alone, to be compiled ahead of time:
//   TorchKv.Aot MODEL TOKENS              generates after a prompt and prints the text
//   TorchKv.Aot MODEL --check GOLDEN.json compares greedy ids with HuggingFace's, prompt by prompt
if (args is not [var model, var what, ..])
{
    Console.Error.WriteLine("usage: TorchKv.Aot MODEL TOKENS | TorchKv.Aot MODEL --check GOLDEN.json");
    return 2;
}

await using var engine = await Engine.LoadAsync(model, cpu: new CpuRunnerOptions { DType = CpuDType.Float32 });
if (what == "--check")
{
    return await Check(engine, args[2]);
}

var options = new GenerationOptions { Temperature = 0, MaxNewTokens = int.Parse(what, CultureInfo.InvariantCulture), EosTokenIds = [] };
await foreach (var piece in engine.GenerateAsync("Once upon a time", options))
{
    Console.Write(piece.Text);
}

Console.WriteLine();
return 0;

static async Task<int> Check(Engine engine, string file)
{
    using var golden = JsonDocument.Parse(await File.ReadAllBytesAsync(file));
    int prompts = 0, same = 0, tokens = 0;
    foreach (var prompt in golden.RootElement.GetProperty("prompts").EnumerateArray())
    {
        int[] expected = [.. prompt.GetProperty("greedy_ids").EnumerateArray().Select(id => id.GetInt32())];
        var ids = new List<int>();
        await foreach (var piece in engine.GenerateAsync(prompt.GetProperty("prompt").GetString()!, new GenerationOptions { Temperature = 0, MaxNewTokens = expected.Length, EosTokenIds = [] }))
        {
            ids.AddRange(piece.TokenIds);
        }

        prompts++;
        same += ids.SequenceEqual(expected) ? 1 : 0;
        tokens += expected.Length;
    }

    Console.WriteLine($"{(RuntimeFeature.IsDynamicCodeSupported ? "compiled just in time" : "compiled ahead of time")}: {same} of {prompts} prompts give HuggingFace's {tokens} ids");
    return same == prompts && prompts > 0 ? 0 : 1;
}
