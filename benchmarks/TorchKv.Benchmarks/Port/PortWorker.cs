using System.Diagnostics;
using TorchKv.Benchmarks.Measuring;
using TorchKv.Models;
using static TorchSharp.torch;

namespace TorchKv.Benchmarks.Port;

/// <summary>The port's side of the comparison: runs what it is asked on one model, and says how long it took.</summary>
/// <param name="model">The model, on the device.</param>
/// <param name="device">The device.</param>
internal sealed class PortWorker(GPTModel model, Device device)
{
    /// <summary>Runs a request.</summary>
    public TorchAnswer Answer(TorchRequest request) => request.Cache switch
    {
        TorchRequest.Limits => DeviceLimits.Measure(device, model.out_head.weight!.dtype),
        _ when request.Cache.StartsWith(TorchRequest.Soak, StringComparison.Ordinal) => Soak(request),
        _ => Generate(request),
    };

    private TorchAnswer Generate(TorchRequest request)
    {
        var times = new double[request.New];
        var ids = new int[request.New];
        long allocated = 0;
        var collections = 0;
        using (
            IGreedyLoop loop = request.Cache == "paged"
                ? new PagedLoop(model, request)
                : new ModuleLoop(model, device, request))
        {
            for (var i = 0; i < request.New; i++)
            {
                if (i == 1)
                {
                    allocated = GC.GetTotalAllocatedBytes(precise: true);
                    collections = GC.CollectionCount(0);
                }

                var began = Stopwatch.GetTimestamp();
                ids[i] = loop.Next();
                times[i] = Stopwatch.GetElapsedTime(began).TotalMilliseconds;
            }

            allocated = GC.GetTotalAllocatedBytes(precise: true) - allocated;
            collections = GC.CollectionCount(0) - collections;
        }

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
    /// A run over several contexts' worth of tokens: it must leave no more memory resident than its beginning.
    /// </summary>
    private TorchAnswer Soak(TorchRequest request)
    {
        var resident = new List<long>();
        var allocated = GC.GetTotalAllocatedBytes(precise: true);
        var collections = GC.CollectionCount(0);
        var began = Stopwatch.GetTimestamp();
        for (var done = 0; done < request.New;)
        {
            using var loop = new ModuleLoop(model, device, request);
            for (; done < request.New && loop.HasRoom; done++)
            {
                loop.Next();
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
}
