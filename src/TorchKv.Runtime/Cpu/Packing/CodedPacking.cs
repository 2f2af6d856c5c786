using System.Runtime.CompilerServices;

namespace TorchKv.Runtime.Cpu.Packing;

/// <summary>
/// Packs float32 weights into stretches of a <see cref="CodedPanel"/>, rounded to bfloat16, and unpacks them.
/// </summary>
internal static unsafe class CodedPacking
{
    private const int Width = PackedMatrix.PanelWidth;

    /// <summary>Packs a stretch.</summary>
    /// <param name="stretch">The destination.</param>
    /// <param name="inputs">1 … 128.</param>
    /// <param name="source">(inputs, outputs), rows <paramref name="stride"/> apart.</param>
    /// <param name="stride">Floats from input to input.</param>
    /// <param name="outputs">Outputs of the panel, at most 32. The weights of the others become zero.</param>
    /// <returns>
    /// False if there are more outliers than <see cref="CodedPanel.MaxOutliers"/>. The packed data is then invalid.
    /// </returns>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    [SkipLocalsInit]
    public static bool TryPack(byte* stretch, int inputs, float* source, nint stride, int outputs)
    {
        var values = stackalloc ushort[CodedPanel.Stretch * Width];
        var counts = stackalloc int[256];
        new Span<int>(counts, 256).Clear();
        for (var i = 0; i < inputs; i++)
        {
            var to = values + (i * Width);
            for (var o = 0; o < outputs; o++)
            {
                to[o] = BFloat16.Round(source[(i * stride) + o]);
                counts[to[o] >> 8]++;
            }

            new Span<ushort>(to + outputs, Width - outputs).Clear();
        }

        var units = (inputs + CodedPanel.Unit - 1) / CodedPanel.Unit;
        new Span<byte>(stretch, CodedPanel.HeaderBytes + (units * CodedPanel.UnitBytes)).Clear();

        // The code of every upper byte. Outliers have none: they are stored as zero, with code 0, and listed.
        var codes = stackalloc byte[256];
        new Span<byte>(codes, 256).Fill(byte.MaxValue);
        codes[0] = 0;
        counts[0] = 0;
        for (var code = 1; code < CodedPanel.Codes; code++)
        {
            var most = 0;
            for (var upper = 1; upper < 256; upper++)
            {
                most = counts[upper] > counts[most] ? upper : most;
            }

            if (counts[most] == 0)
            {
                break;
            }

            counts[most] = 0;
            codes[most] = (byte)code;
            stretch[code] = (byte)most;
        }

        var outliers = (uint*)(stretch + CodedPanel.Codes);
        var count = 0;
        for (var i = 0; i < inputs; i++)
        {
            var unit = stretch + CodedPanel.HeaderBytes + (i / CodedPanel.Unit * CodedPanel.UnitBytes);
            var lower = unit + 64;
            var shift = (i & 2) * 2;
            for (var o = 0; o < outputs; o++)
            {
                var value = values[(i * Width) + o];
                var code = codes[value >> 8];
                if (code == byte.MaxValue)
                {
                    if (count == CodedPanel.MaxOutliers)
                    {
                        return false;
                    }

                    outliers[count++] = CodedPanel.Outlier(i, o, value);
                    continue;
                }

                var place = CodedPanel.Place(i & 3, o);
                lower[place] = (byte)value;
                unit[place & 63] |= (byte)(code << shift);
            }
        }

        return true;
    }

    /// <summary>Unpacks one weight of a stretch.</summary>
    public static float Unpack(byte* stretch, int input, int output)
    {
        var unit = stretch + CodedPanel.HeaderBytes + (input / CodedPanel.Unit * CodedPanel.UnitBytes);
        var place = CodedPanel.Place(input & 3, output);
        var code = (unit[place & 63] >> ((input & 2) * 2)) & 15;
        var value = (ushort)((stretch[code] << 8) | unit[64 + place]);
        if (value != 0)
        {
            return BFloat16.Widen(value);
        }

        // The weight is zero or an outlier.
        var outliers = (uint*)(stretch + CodedPanel.Codes);
        var tag = CodedPanel.Outlier(input, output, 0);
        for (var i = 0; i < CodedPanel.MaxOutliers; i++)
        {
            if ((outliers[i] & 0xFFFF0000) == tag && outliers[i] != 0)
            {
                return BFloat16.Widen((ushort)outliers[i]);
            }
        }

        return 0;
    }
}
