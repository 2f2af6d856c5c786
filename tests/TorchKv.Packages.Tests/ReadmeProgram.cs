using System.Text.RegularExpressions;
using TorchKv.TestSupport;

namespace TorchKv.Packages.Tests;

/// <summary>A program of the README: the commands that set a project up, its Program.cs, and what it prints.</summary>
/// <param name="Title">The heading above it.</param>
/// <param name="Template">What <c>dotnet new</c> is told to make.</param>
/// <param name="Packages">What <c>dotnet add package</c> is told to add, with a version where one is given.</param>
/// <param name="Code">The program, as printed.</param>
/// <param name="Output">The block after the program, as printed.</param>
internal sealed partial record ReadmeProgram(
    string Title, string Template, IReadOnlyList<(string Name, string? Version)> Packages, string Code, string Output)
{
    /// <summary>Every block of C# in the README with the blocks around it.</summary>
    public static IReadOnlyList<ReadmeProgram> All { get; } = Read(File.ReadAllText(RepositoryFiles.At("README.md")).ReplaceLineEndings("\n"));

    /// <summary>The folder that its project lies in.</summary>
    public string Folder => Packages[0].Name;

    private static List<ReadmeProgram> Read(string readme)
    {
        var programs = Sections().Matches(readme).Select(match => new ReadmeProgram(
            match.Groups["title"].Value,
            match.Groups["template"].Value,
            [.. Additions().Matches(match.Groups["packages"].Value).Select(added => (added.Groups[1].Value, added.Groups[2].Success ? added.Groups[2].Value : null))],
            match.Groups["code"].Value,
            match.Groups["output"].Value)).ToList();
        return programs.Count == readme.Split("```csharp\n").Length - 1
            ? programs
            : throw new InvalidDataException("A block of C# in README.md has no `dotnet new` and `dotnet add package` before it, or no block of text after it.");
    }

    [GeneratedRegex("""
        ^\#\#\#\ (?<title>[^\n]+)\n\n
        ```\ndotnet\ new\ (?<template>\w+)\n(?<packages>(?:dotnet\ add\ package\ [^\n]+\n)+)```\n\n
        ```csharp\n(?<code>[^`]*)```\n\n
        ```text\n(?<output>.*?)\n```
        """, RegexOptions.Multiline | RegexOptions.Singleline | RegexOptions.IgnorePatternWhitespace)]
    private static partial Regex Sections();

    [GeneratedRegex(@"^dotnet add package (\S+)(?: --version (\S+))?$", RegexOptions.Multiline)]
    private static partial Regex Additions();
}
