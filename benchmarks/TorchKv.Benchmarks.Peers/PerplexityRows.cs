using System.Text.Json;
using TorchKv.Runtime.Text;

namespace TorchKv.Benchmarks.Peers;

/// <summary>
/// What each precision costs on the default model's held-out text: perplexity, windows of the context length.
/// </summary>
internal sealed class PerplexityRows(PeersOptions options, Action<PeerRow> tell)
{
    public void Run()
    {
        var set = new PeerSet(options, new PeerFiles(options.Storyteller, options.Files));
        var ids = Path.Combine(set.Files.Folder, "heldout.json");
        File.WriteAllText(
            ids,
            JsonSerializer.Serialize(
                Gpt2Tokenizer.Load(options.Storyteller).Encode(File.ReadAllText(options.HeldOut))));
        var request = $"nll {ids} {set.Files.Config.ContextLength}";
        double? exact = null;
        foreach (var precision in PrecisionRows.Precisions)
        {
            using var we = set.Ours(precision.Name);
            using var llama = set.Llama(precision.Llama);
            var perplexity = Math.Exp(we.Number(request));
            var theirs = llama is null ? double.NaN : Math.Exp(llama.Number(request));
            exact ??= perplexity;
            var above = 100 * ((perplexity / exact.Value) - 1);
            tell(new PeerRow($"perplexity on held-out text, {precision.Name}", "", perplexity)
            {
                Other = theirs,
                OtherName = llama is null ? "" : precision.LlamaName,
                Ratio = perplexity / theirs,
                Rate = above,
                RateUnit = "% above float32",
                Aims = precision.Name switch
                {
                    "bfloat16" => [new Aim("", above, AtLeast: false, 0.05, "%")],
                    "int8" => [new Aim("", above, AtLeast: false, 0.3, "%")],
                    "int4" => [Aim.RatioAtMost(perplexity / theirs, 1)],
                    _ => [],
                },
            });
        }
    }
}
