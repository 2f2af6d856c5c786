namespace TorchKv.Runtime.Text;

/// <summary>A place in a text where one of the searched texts stands.</summary>
/// <param name="Start">The first UTF-16 code unit.</param>
/// <param name="Length">UTF-16 code units.</param>
/// <param name="Index">Which text it is, counted as they were given.</param>
internal readonly record struct TextMatch(int Start, int Length, int Index);
