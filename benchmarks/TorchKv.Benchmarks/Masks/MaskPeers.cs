using TorchKv.Benchmarks.Measuring;

namespace TorchKv.Benchmarks.Masks;

/// <summary>Starts the other engines that are on this machine, and says which are not.</summary>
internal static class MaskPeers
{
    private const string Install = "benchmarks/compare/peers.sh --install fetches it with npm";

    /// <summary>The engines.</summary>
    /// <param name="modules">npm's folder node_modules; null: there is none.</param>
    /// <param name="llama">The folder with libllama; null: there is none.</param>
    /// <param name="vocabulary">The folder with vocab.json and merges.txt.</param>
    public static List<IMaskPeer> Start(string? modules, string? llama, string vocabulary)
    {
        var peers = new List<IMaskPeer>();
        var script = RepositoryFolder.At("benchmarks", "compare", "structured_peers.mjs");
        var words = Path.Combine(vocabulary, "vocab.json");
        var isThere = Has(modules, "@mlc-ai", "web-xgrammar");
        if (Start("xgrammar", isThere, "node", script, modules ?? "", "xgrammar", words) is { } xgrammar)
        {
            peers.Add(new XgrammarPeer(xgrammar));
        }

        isThere = Has(modules, "node-llama-cpp") && llama is not null;
        if (Start("llama.cpp", isThere, "node", script, modules ?? "", "gbnf") is { } converter)
        {
            var program = RepositoryFolder.At(
                "benchmarks", "TorchKv.Benchmarks.Peers", "bin", "Release", "net10.0", "TorchKv.Benchmarks.Peers");
            string[] arguments =
            [
                "grammar-worker", "--llama", llama!, "--vocabulary", vocabulary,
                "--files", RepositoryFolder.At("artifacts", "bench", "peers"),
            ];
            if (Start("llama.cpp", File.Exists(program), program, arguments) is { } sampler)
            {
                peers.Add(new LlamaPeer(converter, sampler));
            }
            else
            {
                converter.Dispose();
            }
        }

        return peers;
    }

    private static bool Has(string? modules, params string[] package) =>
        modules is not null && Directory.Exists(Path.Combine([modules, .. package]));

    private static PeerProcess? Start(string name, bool isThere, string program, params string[] arguments)
    {
        var reason = Install;
        var process = isThere ? PeerProcess.Start(program, out reason, arguments) : null;
        if (process is null)
        {
            Console.Error.WriteLine($"{name} takes no part: {reason}.");
        }

        return process;
    }
}
