using System.Runtime.ExceptionServices;
using TorchKv.Runtime.Cpu.Memory;
using TorchKv.Runtime.Cpu.Packing;

namespace TorchKv.Runtime.Cpu.Weights;

/// <summary>Runs the jobs of loading on several threads.</summary>
internal static class LoadingJobs
{
    /// <summary>Runs all jobs, then packs again the matrices that need a wider format.</summary>
    public static void RunAll(IReadOnlyList<LoadingJob> jobs, int threads, CancellationToken cancellationToken)
    {
        Run(jobs, threads, cancellationToken);
        HashSet<PackedMatrix> unfit = [.. jobs.Select(job => job.Matrix).OfType<PackedMatrix>().Where(NeedsWider)];
        if (unfit.Count > 0)
        {
            foreach (var matrix in unfit)
            {
                matrix.UseBFloat16();
            }

            Run([.. jobs.Where(job => job.Matrix is { } matrix && unfit.Contains(matrix))], threads, cancellationToken);
        }

        static bool NeedsWider(PackedMatrix matrix) => matrix.NeedsWiderFormat;
    }

    /// <summary>Runs jobs. Those of a matrix that already needs a wider format are skipped.</summary>
    private static void Run(IReadOnlyList<LoadingJob> jobs, int threads, CancellationToken cancellationToken)
    {
        var largest = jobs.Max(job => job.Floats);
        var next = -1;
        Exception? failure = null;
        void Work()
        {
            try
            {
                using var buffer = new NativeBuffer(largest * sizeof(float));
                for (int job; failure is null && (job = Interlocked.Increment(ref next)) < jobs.Count;)
                {
                    cancellationToken.ThrowIfCancellationRequested();
                    if (jobs[job].Matrix is not { NeedsWiderFormat: true })
                    {
                        jobs[job].Run(buffer);
                    }
                }
            }
            catch (Exception error)
            {
                Interlocked.CompareExchange(ref failure, error, null);
            }
        }

        var helpers = Enumerable.Range(1, Math.Min(threads, jobs.Count) - 1)
            .Select(_ => new Thread(Work) { IsBackground = true })
            .ToArray();
        foreach (var helper in helpers)
        {
            helper.Start();
        }

        Work();
        foreach (var helper in helpers)
        {
            helper.Join();
        }

        if (failure is not null)
        {
            ExceptionDispatchInfo.Throw(failure);
        }
    }
}
