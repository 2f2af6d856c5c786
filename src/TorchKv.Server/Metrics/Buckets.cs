namespace TorchKv.Server.Metrics;

/// <summary>vLLM's bounds of histograms, so that its boards and alerts read ours.</summary>
internal static class Buckets
{
    public static double[] TimeToFirstToken =>
        [.001, .005, .01, .02, .04, .06, .08, .1, .25, .5, .75, 1, 2.5, 5, 7.5, 10, 20, 40, 80, 160, 640, 2560];

    /// <summary>Three small bounds come before vLLM's: a small model's tokens are that fast.</summary>
    public static double[] BetweenTokens =>
        [.001, .0025, .005, .01, .025, .05, .075, .1, .15, .2, .3, .4, .5, .75, 1, 2.5, 5, 7.5, 10, 20, 40, 80];

    public static double[] Request
        => [.3, .5, .8, 1, 1.5, 2, 2.5, 5, 10, 15, 20, 30, 40, 50, 60, 120, 240, 480, 960, 1920, 7680];

    public static double[] Samples => [1, 2, 5, 10, 20];

    public static double[] Http => [.01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60];

    /// <summary>1, 2, 5, 10, 20, 50, … up to a limit.</summary>
    public static double[] OneTwoFive(int limit)
    {
        var bounds = new List<double>();
        for (var power = 1L; ; power *= 10)
        {
            foreach (var digit in (ReadOnlySpan<int>)[1, 2, 5])
            {
                if (digit * power > limit)
                {
                    return [.. bounds];
                }

                bounds.Add(digit * power);
            }
        }
    }
}
