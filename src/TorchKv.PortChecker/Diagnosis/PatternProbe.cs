using TorchKv.PortChecking.Findings;
using TorchKv.PortChecking.Traces;

namespace TorchKv.PortChecking.Diagnosis;

/// <summary>Where the wrong numbers stand (positions, batch rows, columns), and how large the difference is.</summary>
internal static class PatternProbe
{
    /// <summary>The wrong positions tell which keys a query saw, where attention weights were not recorded.</summary>
    public static Finding? Positions(Mismatch mismatch)
    {
        var shape = mismatch.Expected.Shape;
        if (shape.Length < 2 || !ModuleRoles.FollowsAttention(mismatch))
        {
            return null;
        }

        var tokens = mismatch.Expected.Tokens;
        var batch = shape.Length == 3 ? shape[0] : 1;
        var wrong = WrongRows(mismatch);
        var wrongBatches = wrong.Select(row => row / tokens).Distinct().ToArray();
        if (batch > 1 && wrongBatches.Length < batch)
        {
            return new PatternFinding.SomeBatchRows(mismatch.ExpectedSide, wrongBatches);
        }

        if (tokens < 3 || mismatch.Expected.Rows != batch * tokens)
        {
            return null;
        }

        var positions = wrong.Select(row => row % tokens).Distinct().Order().ToArray();
        var isRange = positions.Length > 0 && positions[^1] - positions[0] == positions.Length - 1;
        return isRange && positions.Length < tokens && wrong.Count == positions.Length * batch
            ? Range(mismatch, positions[0], positions[^1], tokens)
            : null;
    }

    /// <summary>A table of vectors whose other rows are right was asked for other rows.</summary>
    public static Finding? OtherTableRows(Mismatch mismatch)
    {
        if (!ModuleRoles.IsEmbedding(mismatch))
        {
            return null;
        }

        var someAreRight = WrongRows(mismatch).Count < mismatch.Expected.Rows;
        return someAreRight || mismatch.OnlyAfterTheFirstStep || mismatch.RightLater
            ? new PatternFinding.OtherTableRows()
            : null;
    }

    /// <summary>Only a few columns, or only whole heads, are wrong.</summary>
    public static Finding? Columns(Mismatch mismatch)
    {
        var columns = mismatch.Expected.Columns;
        int[] wrong = [.. Enumerable.Range(0, mismatch.Expected.Values.Length)
            .Where(mismatch.IsWrong).Select(i => i % columns).Distinct()];
        if (wrong.Length == 0 || wrong.Length > columns / 2 || columns < 4)
        {
            return null;
        }

        if (mismatch.Facts.HeadDim is { } d && columns % d == 0 && wrong.Length >= d / 2)
        {
            int[] heads = [.. wrong.Select(column => column / d).Distinct()];
            if (heads.Length <= columns / d / 2 && wrong.Length > heads.Length * d / 2)
            {
                return new PatternFinding.SomeHeads(heads);
            }
        }

        return new PatternFinding.SomeColumns(wrong, columns, wrong.Length <= Math.Max(1, columns / 20));
    }

    /// <summary>At most a twentieth of the numbers is wrong.</summary>
    public static Finding? FewNumbers(Mismatch mismatch)
    {
        var count = mismatch.CountWrong();
        var size = mismatch.Expected.Values.Length;
        return size >= 64 && count <= Math.Max(1, size / 20) ? new PatternFinding.FewNumbers(count, size) : null;
    }

    /// <summary>A small error without a pattern.</summary>
    public static Finding? SmallError(Mismatch mismatch)
    {
        var relative = mismatch.RmsError / mismatch.RmsExpected;
        if (!(relative < 0.03) || !IsWhite(mismatch))
        {
            return null;
        }

        if (mismatch.OnlyAfterTheFirstStep)
        {
            return new PatternFinding.SmallError(relative, RoundingPlace.Cache, null);
        }

        var right = mismatch.Earlier.FirstOrDefault(pair => ModuleRoles.IsMatrix(mismatch, pair.Key.Module));
        return right is null
            ? new PatternFinding.SmallError(relative, RoundingPlace.Everywhere, null)
            : new PatternFinding.SmallError(relative, RoundingPlace.ThisModule, right.Key.ModuleAndCall);
    }

    /// <summary>The size of a difference without an explanation, and what the circumstances suggest.</summary>
    public static Finding Unexplained(Mismatch mismatch)
    {
        var figures = new DifferenceFigures(
            (double)mismatch.CountWrong() / mismatch.Expected.Values.Length,
            Numbers.Correlation(mismatch.Expected.Values, mismatch.Actual.Values),
            mismatch.RmsError / mismatch.RmsExpected);
        var weights = mismatch.Earlier.LastOrDefault(
            pair => pair.Shape.Length == 4 && AttentionWeights.From(pair.Expected) is not null);
        var joinsHeads = ModuleRoles.JoinsHeads(mismatch);
        var guess = mismatch.OnlyAfterTheFirstStep && weights is not null && joinsHeads ? UnexplainedGuess.CachedValues
            : mismatch.OnlyAfterTheFirstStep ? UnexplainedGuess.Cache
            : joinsHeads && IsRightWithOneToken(mismatch) ? UnexplainedGuess.HeadsAndPositions
            : ModuleRoles.HasParameters(mismatch) && !joinsHeads && !mismatch.RightLater ? UnexplainedGuess.Weights
            : UnexplainedGuess.None;
        return new PatternFinding.Unexplained(figures, guess, weights?.Key.ModuleAndCall);
    }

    private static PatternFinding? Range(Mismatch mismatch, int first, int last, int tokens)
    {
        if (mismatch.PastTokens == 0 && first == 1 && last == tokens - 1)
        {
            var correlation = Numbers.Correlation(mismatch.Expected.Values, mismatch.Actual.Values);
            return new PatternFinding.AllButTheFirstPosition(correlation > 0.9);
        }

        return first == 0 && last == tokens - 2 ? new PatternFinding.AllButTheLastPosition()
            : first > 1 && last == tokens - 1 ? new PatternFinding.PositionsFrom(mismatch.PastTokens + first)
            : null;
    }

    private static bool IsRightWithOneToken(Mismatch mismatch)
    {
        var step = mismatch.Expected.Key.Step;
        var right = mismatch.Timeline.Where(t => t.Within && t.Pair.Key.Step > step).ToArray();
        return mismatch.Expected.Tokens > 1 && right.Length > 0
            && Array.TrueForAll(right, t => t.Pair.Shape.Length >= 2 && t.Pair.Shape[^2] == 1);
    }

    // The rows with a wrong number.
    private static List<int> WrongRows(Mismatch mismatch)
    {
        var columns = mismatch.Expected.Columns;
        return [.. Enumerable.Range(0, mismatch.Expected.Rows)
            .Where(row => Enumerable.Range(row * columns, columns).Any(mismatch.IsWrong))];
    }

    // Whether no column, no row and no factor has much more of the error than of noise.
    private static bool IsWhite(Mismatch mismatch)
    {
        var (rows, columns) = (mismatch.Expected.Rows, mismatch.Expected.Columns);
        var error = Numbers.Subtract(mismatch.Actual.Values, mismatch.Expected.Values);
        if (error.Length < 16)
        {
            return false;
        }

        var total = 0.0;
        var byColumn = new double[columns];
        var byRow = new double[rows];
        for (var i = 0; i < error.Length; i++)
        {
            total += (double)error[i] * error[i];
            byColumn[i % columns] += error[i];
            byRow[i / columns] += error[i];
        }

        var columnShare = byColumn.Sum(sum => sum * sum / rows) / total;
        var rowShare = byRow.Sum(sum => sum * sum / columns) / total;
        var (_, residual) = Numbers.Fit(mismatch.Expected.Values, error);
        var explained = 1 - (residual * residual * error.Length / total);
        return (rows < 4 || columnShare < 0.7) && rowShare < 0.3 && explained < 0.3;
    }
}
