using System.Diagnostics;
using System.Text.Json;
using TorchKv.Benchmarks.Measuring;
using TorchKv.Caching;
using TorchKv.Loading;
using TorchKv.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace TorchKv.Benchmarks.Port;

/// <summary>
/// The port's side of the comparison, in a process of its own: the loop that benchmarks/compare/gpt2_pytorch.py has,
/// line for line.
/// </summary>
internal static class PortWorker
{
    public static int Run(string checkpoint, int threads)
    {
        set_num_threads(threads);
        _ = zeros(1);
        var before = ProcessMemory.Resident();
        using var model = GPTModel.from_pretrained(checkpoint);
        Write(
            new TorchReady
            {
                Ready = $"TorchKv on libtorch {__version__}, {get_num_threads()} thread(s)",
                Peak = ProcessMemory.Peak(),
                Before = before,
            },
            TorchJson.Default.TorchReady);
        while (Console.In.ReadLine() is { } line)
        {
            var request = JsonSerializer.Deserialize(line, TorchJson.Default.TorchRequest)!;
            Write(
                request.Cache.StartsWith("soak-", StringComparison.Ordinal)
                    ? Soak(model, request)
                    : Generate(model, request),
                TorchJson.Default.TorchAnswer);
        }

        return 0;
    }

    private static TorchAnswer Generate(GPTModel model, TorchRequest request)
    {
        var use_cache = request.Cache != "none";
        if (use_cache)
        {
            model.set_kv_cache(request.Cache == "static" ? KvCacheKind.Static : KvCacheKind.Concat);
        }

        var times = new double[request.New];
        var ids = new int[request.New];
        long allocated = 0;
        var collections = 0;
        using (var scope = NewDisposeScope())
        using (inference_mode())
        {
            var step = Prompt(model, request);
            for (var i = 0; i < request.New; i++)
            {
                if (i == 1)
                {
                    allocated = GC.GetTotalAllocatedBytes(precise: true);
                    collections = GC.CollectionCount(0);
                }

                var began = Stopwatch.GetTimestamp();
                step = Next(model, step, use_cache, out ids[i]);
                times[i] = Stopwatch.GetElapsedTime(began).TotalMilliseconds;
            }

            allocated = GC.GetTotalAllocatedBytes(precise: true) - allocated;
            collections = GC.CollectionCount(0) - collections;
        }

        model.reset_kv_cache();
        return new TorchAnswer
        {
            FirstMs = times[0],
            Ms = times[1..],
            Ids = ids,
            ManagedBytes = allocated,
            Gen0 = collections,
        };
    }

    /// <summary>
    /// A long run over several contexts' worth of tokens, which is to leave no more memory resident than its beginning.
    /// </summary>
    private static TorchAnswer Soak(GPTModel model, TorchRequest request)
    {
        model.set_kv_cache(request.Cache == "soak-static" ? KvCacheKind.Static : KvCacheKind.Concat);
        var resident = new List<long>();
        var allocated = GC.GetTotalAllocatedBytes(precise: true);
        var collections = GC.CollectionCount(0);
        var began = Stopwatch.GetTimestamp();
        for (var done = 0; done < request.New;)
        {
            model.reset_kv_cache();
            using var scope = NewDisposeScope();
            using var no_gradients = inference_mode();
            var step = Prompt(model, request);
            for (; done < request.New && model.current_pos + step.size(1) <= model.cfg.context_length; done++)
            {
                step = Next(model, step, use_cache: true, out _);
                if ((done + 1) % (request.New / 10) == 0)
                {
                    var own = GC.GetTotalAllocatedBytes(precise: true);
                    var ownCollections = GC.CollectionCount(0);
                    resident.Add(ProcessMemory.Resident());
                    allocated += GC.GetTotalAllocatedBytes(precise: true) - own;
                    collections += GC.CollectionCount(0) - ownCollections;
                }
            }
        }

        return new TorchAnswer
        {
            Ms = [Stopwatch.GetElapsedTime(began).TotalMilliseconds],
            ManagedBytes = GC.GetTotalAllocatedBytes(precise: true) - allocated,
            Gen0 = GC.CollectionCount(0) - collections,
            Resident = [.. resident],
        };
    }

    /// <summary>
    /// The step after <paramref name="step"/>: with a cache the new token alone, (b, 1), without one all, (b, t + 1).
    /// </summary>
    private static Tensor Next(GPTModel model, Tensor step, bool use_cache, out int first)
    {
        using var scope = NewDisposeScope();
        var logits = model.forward(step, use_cache, logits_to_keep: 1);     // (b, 1, vocab)
        var next_ids = logits.argmax(-1);                                   // (b, 1)
        first = (int)next_ids[0, 0].ToInt64();
        return Replace(step, use_cache ? next_ids : cat([step, next_ids], 1));
    }

    private static Tensor Replace(Tensor old, Tensor by)
    {
        by = by.MoveToOuterDisposeScope();
        old.Dispose();
        return by;
    }

    private static Tensor Prompt(GPTModel model, TorchRequest request)
    {
        var ids = new long[request.Batch * request.Prompt];
        for (var row = 0; row < request.Batch; row++)
        {
            for (var i = 0; i < request.Prompt; i++)
            {
                ids[(row * request.Prompt) + i] = ((7919L * (row + 1)) + (104729L * i)) % model.cfg.vocab_size;
            }
        }

        return tensor(ids, [request.Batch, request.Prompt]);
    }

    private static void Write<T>(T answer, System.Text.Json.Serialization.Metadata.JsonTypeInfo<T> type)
    {
        Console.Out.WriteLine(JsonSerializer.Serialize(answer, type));
        Console.Out.Flush();
    }
}
